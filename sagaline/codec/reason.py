"""Why an event cannot be read, in words that may stand in a log."""

from pydantic import ValidationError


def reason_of(error: Exception) -> str:
    """What is wrong, without the values: they may be a secret, or very long."""
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'its state'}: {first['msg']}"
