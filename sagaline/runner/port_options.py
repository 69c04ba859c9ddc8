"""What the options of a runner say about ports."""

from datetime import timedelta

from sagaline.application.calls_under_way import CallsUnderWay
from sagaline.application.declaration import declaration_of
from sagaline.errors import OptionRefused
from sagaline.ports.limits import PortLimits
from sagaline.ports.pool import PortPool
from sagaline.runner.options import Options
from sagaline.runner.setting_names import variable
from sagaline.system.system import System


def configure_ports(calls: CallsUnderWay, pool: PortPool, options: Options) -> None:
    """Lets the pool of a runner make the calls of an application, within the runner's limits."""
    calls.pool = pool
    calls.limits = PortLimits(
        concurrency=options.port_calls, timeout=timedelta(seconds=options.port_call_timeout)
    )
    calls.limits_of = options.ports


def refuse_unknown_ports(system: System, options: Options) -> None:
    """Raises OptionRefused where limits are set for a port that no application has."""
    known = [
        f"{cls.name}.{each.__name__}"
        for cls in system.members
        for each in declaration_of(cls).handlers.values()
        if each.port_call is not None
    ]
    for name in options.ports:
        if name not in known:
            reason = f"there is no port {name!r} among {', '.join(known) or 'none'}"
            raise OptionRefused(
                name="ports", variable=variable("ports"), value=[*options.ports], reason=reason
            )
