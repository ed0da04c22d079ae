"""A person at a keyboard, or a script: everything over HTTP through the load balancer."""

import time
from typing import Any

import httpx

FINAL_STATES = {"published", "failed", "rejected", "withdrawn"}


class Person:
    """Someone signed in with a name and password; every path is behind the one address."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self._credentials = {"username": username, "password": password}
        self.sign_in()

    def sign_in(self) -> None:
        """Get a token and use it from now on."""
        answer = self.http.post("/api/v1/tokens", json=self._credentials)
        answer.raise_for_status()
        self.token = answer.json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def upload(
        self, content: bytes, name: str, *, dataset: str, institution: str = "demo", key: str | None = None
    ) -> httpx.Response:
        """Upload a file as the raw body; the answer is not checked."""
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if key:
            headers["Idempotency-Key"] = key
        path = f"/v1/institutions/{institution}/datasets/{dataset}/uploads"
        return self.http.post(path, content=content, headers=headers)

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a path; raises for any status but success."""
        answer = self.http.get(path, params=params)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json()

    def state(self, upload_id: str) -> dict[str, Any]:
        """Return what the catalog says of an upload; empty while it has not heard of it."""
        answer = self.http.get(f"/api/v1/uploads/{upload_id}")
        found: dict[str, Any] = answer.json() if answer.status_code == httpx.codes.OK else {}
        return found

    def wait_for(self, upload_id: str, seconds: float = 60) -> dict[str, Any]:
        """Return the final state of an upload: published, failed, rejected or withdrawn."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.state(upload_id)
            if found.get("state") in FINAL_STATES:
                return found
            time.sleep(0.05)
        raise AssertionError(f"upload {upload_id} is still {self.state(upload_id)} after {seconds} s")

    def close(self) -> None:
        """Hang up."""
        self.http.close()
