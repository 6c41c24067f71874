"""Model fields with a rule of their own: one line of text, and the keys by which display names are compared."""

from typing import Any

from django.db import models

from marketplace.core import forms, names, text

KEYS = {"fold": names.fold, "shape": names.shape}


class LineField(models.CharField):
    """One line that people type: kept composed (NFC), refused with characters that cannot be seen (docs/names.md).

    To the database and to migrations it is a CharField.
    """

    default_validators = [text.one_line]

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return text.composed(value) if isinstance(value, str) else value

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(instance, add))
        setattr(instance, self.attname, value)
        return value

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": forms.LineField, **kwargs})


class NameKeyField(models.CharField):
    """What a display name is compared by; written with the row, from `of`, the name's field. `key` names a function of KEYS."""

    def __init__(self, *args: Any, of: str = "name", key: str = "fold", **kwargs: Any) -> None:
        self.of, self.key = of, key
        given: dict[str, Any] = {
            "max_length": names.KEY_MAX,
            "editable": False,
            "default": "",
        } | kwargs
        super().__init__(*args, **given)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"of": self.of, "key": self.key}

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        value = KEYS[self.key](getattr(instance, self.of))
        setattr(instance, self.attname, value)
        return value
