"""Which sagas of a system may change each other's ends, and which may not."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sagaline.saga.declaration import Declaration

Links = Mapping[str, frozenset[str]]
"""By the name of a saga: the sagas whose faults may change its end."""


def links_of(declarations: Sequence[Declaration]) -> Links:
    """A saga is linked with its children, and with those whose events it hears on purpose.

    What is linked with a linked saga is linked too. A saga that is linked with none is held to
    end by its own answers alone.
    """
    groups = [{each.name} for each in declarations]
    for one in declarations:
        for other in declarations:
            if one is not other and _hears(one, other):
                joined = [each for each in groups if each & {one.name, other.name}]
                groups = [each for each in groups if each not in joined]
                groups.append(set().union(*joined))
    return {
        name: frozenset(each) if len(each) > 1 else frozenset() for each in groups for name in each
    }


def open_to_others(
    declaration: Declaration, names: Iterable[str], shared: Collection[type]
) -> frozenset[str]:
    """The steps that are sagas, or are answered by events that sagas hear from others."""
    steps = {name: declaration.step_of(name) for name in names}
    return frozenset(
        name
        for name, step in steps.items()
        if step.child is not None or not {*step.done, *step.refused}.isdisjoint(shared)
    )


def _hears(one: Declaration, other: Declaration) -> bool:
    children = [each.child for each in one.steps.values() if each.child is not None]
    own = any(each._sagaline_declaration is other for each in children)
    return own or any(each in other.answers for each in one.of_others)
