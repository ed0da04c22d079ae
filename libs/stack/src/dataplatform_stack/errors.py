"""The one error type of the stack. What each failure means is said where it is raised."""


class StackError(Exception):
    """Something a person has to act on: a stable `code` in snake_case and a message that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
