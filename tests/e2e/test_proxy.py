"""The whole page behind a reverse proxy: under a path of a larger site, and with HTTPS."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data.synthetic import design_strokes
from tests.browser import draw_with_mouse, expect_prediction, open_pad, watch
from tests.e2e.browse_tab import GET_DIGITS, RANGE, SUMMARY, open_browser, pick
from tests.e2e.train_tab import NAME, RUNS, STATUS, open_training
from tests.nginx import documented, run_nginx
from tests.served_app import FEW_DIGITS, serve_app

SUB_PATH = "/digits/"
FORWARDED = """proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Prefix /digits;"""
ONLY_HOST = "location / { proxy_pass http://127.0.0.1:7860; proxy_set_header Host $http_host; proxy_buffering off; }"


@pytest.fixture(scope="session")
def sub_path_app() -> Iterator[str]:
    with serve_app("synthetic", "--root-path", SUB_PATH, program=FEW_DIGITS) as url:
        yield url


def use_everything(page: Page, address: str, folder: Path) -> None:
    """Draw, compare all models, follow a link of Browse, train, download the model and upload it again."""
    check = watch(page, address)
    open_pad(page, address)
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")
    page.locator("#prediction .ask-all").click()
    expect(page.locator("#prediction .votes .caption")).to_contain_text(f"{len(list_checkpoints())} models say 7")
    page.locator("#prediction .why").click()
    expect(page.locator("#prediction .nearest img").first).to_be_visible()
    theme = "() => getComputedStyle(document.body).getPropertyValue('--button-primary-background-fill')"
    assert page.evaluate(theme), "theme.css is missing"

    open_browser(page)
    pick(page, "order", "random")
    page.locator("#digit-browser .next-page").click()
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    digits = page.evaluate(GET_DIGITS)
    page.goto(page.url)
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    assert page.evaluate(GET_DIGITS) == digits

    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_download() as download:
        page.locator(RUNS).get_by_role("button", name="Download").click()
    file = folder / "model.safetensors"
    download.value.save_as(file)
    page.locator("#load button").first.click()
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text("softmax #2 (uploaded) is ready")
    page.locator(RUNS).filter(has_text=NAME).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{NAME}:")
    page.close()
    check()


@pytest.mark.slow
def test_the_page_works_under_a_sub_path(browser: Browser, sub_path_app: str, tmp_path: Path):
    with run_nginx(tmp_path, f"server {{ listen 8080; {documented(1)} }}", sub_path_app) as port:
        address = f"http://127.0.0.1:{port}{SUB_PATH}"
        use_everything(browser.new_page(), address, tmp_path)
        client = Client(address, verbose=False)
        assert client.predict(design_strokes("plain 7"), api_name="/predict_strokes")["digit"] == 7


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl for a certificate")
@pytest.mark.parametrize("path", ["/", SUB_PATH])
def test_the_page_works_with_https(browser: Browser, app_url: str, sub_path_app: str, tmp_path: Path, path: str):
    """At the root, the proxy sends only Host; under a sub-path also what is forwarded."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = f"listen 8080 ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"
    location = (
        ONLY_HOST if path == "/" else documented(1).replace("proxy_http_version", f"{FORWARDED} proxy_http_version")
    )
    with run_nginx(tmp_path, f"server {{ {tls} {location} }}", app_url if path == "/" else sub_path_app) as port:
        # Each request that is not to this address fails, so also each that is not to https.
        use_everything(browser.new_page(ignore_https_errors=True), f"https://127.0.0.1:{port}{path}", tmp_path)
