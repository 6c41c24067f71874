"""What secret scanners of other systems are shown: how to tell a key from other text (Python), and how to report one (shell)."""

CHECKSUM = """\
import string, zlib

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase

def is_key(text):
    number, checksum = zlib.crc32(text[:-6].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        checksum = DIGITS[digit] + checksum
    return checksum == text[-6:]
"""
REPORT = """\
id=$(uuidgen); now=$(date +%%s)
key=$(printf %%s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
signature=$( (printf %%s "$id.$now."; cat found.txt) | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
curl --data-binary @found.txt -H "webhook-id: $id" -H "webhook-timestamp: $now" \\
     -H "webhook-signature: v1,$signature" %s
"""
