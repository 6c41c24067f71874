"""Where letters go without a mail server: files, one for each Message-ID, so that a second copy is the same file."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage


class EmailBackend(BaseEmailBackend):
    """Writes each mail into settings.EMAIL_FILE_PATH as <Message-ID>.eml."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        for email in email_messages:
            message = email.message()
            name = re.sub(r"[^\w.-]+", "_", str(message["Message-ID"])).strip("_")[:120]
            part = self.folder / f".{name}.{os.getpid()}"
            part.write_bytes(message.as_bytes())
            part.replace(self.folder / f"{name}.eml")
        return len(email_messages)
