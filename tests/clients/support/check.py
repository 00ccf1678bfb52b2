"""What an answer must look like."""

import re

import botocore.exceptions
import pytest

REQUEST_ID = re.compile(r"[0-9A-Z]{16}")


def refused(call, *codes: str, status: int | None = None, **arguments) -> dict:
    """Calls, and demands one of the error codes. Gives the answer."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert answer["Error"]["Code"] in codes, answer
    if status is not None:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
    return answer


def refusal(answer, status: int, *codes: str) -> str:
    """A raw answer: its status, its code, a message that is not empty, an id. Gives the body."""
    body = answer.data.decode()
    assert answer.status == status, body
    found = re.search(r"<Code>([^<]*)</Code>", body)
    assert found and found.group(1) in codes, body
    message = re.search(r"<Message>([^<]+)</Message>", body)
    assert message and message.group(1).strip(), body
    return body
