"""nginx in front of the app, configured as docs/deployment.md says."""

import getpass
import grp
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.served_app import free_port, wait_for_port

NO_NGINX = "NO NGINX: the page was not tested behind a proxy. Install it (Debian: apt-get install nginx-light)."


def documented(number: int) -> str:
    """Return the configuration number `number`, from 0, of docs/deployment.md."""
    text = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    return re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)[number]


@contextmanager
def run_nginx(folder: Path, settings: str, *apps: str) -> Iterator[int]:
    """Run nginx in a folder and yield its port. `apps` are the URLs of the apps that `settings` expect at 7860, 7861…

    Without nginx, skip the test; on a CI machine, fail.
    """
    if not shutil.which("nginx"):
        pytest.fail(NO_NGINX) if os.environ.get("CI") else pytest.skip(NO_NGINX)
    settings = settings.replace("listen 8080", f"listen 127.0.0.1:{(port := free_port())}")
    for number, app in enumerate(apps, start=7860):
        assert f"127.0.0.1:{number}" in settings
        settings = settings.replace(f"127.0.0.1:{number}", app.split("/")[2])
    folders = "".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = f"{getpass.getuser()} {grp.getgrgid(os.getgid()).gr_name}"  # whom the folder belongs to
    head = f"user {user}; daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}"
    (folder / "nginx.conf").write_text(f"{head} http {{ access_log off; {folders} {settings} }}")
    with subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]) as process:
        try:
            wait_for_port(port, process)
            yield port
        finally:
            process.terminate()
