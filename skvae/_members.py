"""What a name cannot say alone: small frozen objects that stand for a member of a table with parameters of its own."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple

from skvae._validation import validate_parameter_constraints


class Named(NamedTuple):
    """A member of a table: its name there, and its own arguments, plain values."""

    name: str
    arguments: dict

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


@dataclass(frozen=True)
class Member:
    """A member of a table with parameters of its own, which cannot be changed, as kernels of Gaussian processes.

    ``clone``, ``repr``, pickles, ``get_params(deep=True)`` of an estimator and ``set_params(network__channels=…)`` work
    as scikit-learn has them: a new value makes a new object.
    """

    name: ClassVar[str]
    """Its key in the table of its kind."""

    _parameter_constraints: ClassVar[dict] = {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Without effect: parameters have none of their own.

        Returns
        -------
        params : dict
            Parameters and their values.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def with_params(self, **params: Any) -> "Member":
        """The same with other values of some parameters.

        Parameters
        ----------
        **params : dict
            Parameters and their new values.

        Returns
        -------
        member : object
            A new object.
        """
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ValueError(f"Invalid parameter {name!r} for {self!r}. Valid parameters are: {list(known)}.")
        return replace(self, **params)

    def check(self) -> None:
        """Refuse a parameter whose value has no meaning."""
        validate_parameter_constraints(self._parameter_constraints, self.get_params(), type(self).__name__)


def named(value: str | Member | None, kind: type[Member]) -> Named | None:
    """A member by its name and its own arguments; those that have any are classes of a ``kind``."""
    if value is None:
        return None
    members = {each.name: each for each in kind.__subclasses__()}
    if isinstance(value, str):
        if value not in members:
            return Named(value, {})
        value = by_default(members[value])
    value.check()
    return Named(value.name, value.get_params())


def by_default(member: type[Member]) -> Member:
    """A member with its defaults, if all of its parameters have one."""
    required = [field.name for field in fields(member) if field.default is MISSING]
    if required:
        raise ValueError(
            f"{member.name!r} has parameters without a default: {', '.join(required)}. Give it as an object, "
            f"{member.__module__}.{member.__name__}(...)."
        )
    return member()


def nested(estimator: object, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Parameters of an estimator, and those of its members by the parameter that holds them.

    Parameters that belong to no member stay among the first.
    """
    own: dict[str, Any] = {}
    members: dict[str, dict[str, Any]] = {}
    for key, value in params.items():
        name, _, further = key.partition("__")
        held = params.get(name, getattr(estimator, name, None))
        if further and isinstance(held, Member):
            members.setdefault(name, {})[further] = value
        elif further and (isinstance(held, str) or (held is None and hasattr(estimator, name))):
            raise ValueError(
                f"{name}={held!r} has no parameters of its own, so {key}={value!r} cannot be set. Give {name} as an "
                f"object first."
            )
        else:
            own[key] = value
    return own, members
