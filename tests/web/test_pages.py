"""The page and its files."""

import base64
import hashlib
import json
import os
import re

import pytest

from epochal.web.pages import VENDOR, Assets

INDEX = (
    '<html><head><link rel="icon" href="/static/icon.svg" /><!-- import map --><!-- styles -->'
    '<script type="module" src="/static/app.js"></script></head></html>'
)


@pytest.fixture
def static(tmp_path):
    """A folder of files like that of the package."""
    folder = tmp_path / "static"
    (folder / "vendor").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "login.html").write_text("<html><!-- import map --></html>")
    for name in ("app.js", "chart.js", "base.css", "a.css", "login.css", "icon.svg"):
        (folder / name).write_text(f"/* {name} */")
    for name in (*VENDOR.values(), "vendor/uPlot.min.css"):
        (folder / name).write_text(f"/* {name} */")
    (folder / ".hidden.js").write_text("")
    (folder / "notes.py").write_text("")
    return folder


@pytest.fixture
def page(serve, browse, static, monkeypatch):
    """A browser at a dashboard with those files."""
    monkeypatch.setattr("epochal.web.state.Assets", lambda: Assets(str(static)))
    return browse(serve())


def test_the_page(page):
    """The import map stands in it, and its policy allows that script and no other."""
    answer = page.get("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = answer.body.decode()
    (script,) = re.findall(r'<script type="importmap">(.*?)</script>', text)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in answer.headers["content-security-policy"]
    imports = json.loads(script)["imports"]
    assert {"preact", "preact/hooks", "htm", "uplot", "epochal/", "epochal/app.js"} <= set(imports)
    assert imports["epochal/"] == "/static/"
    assert text.count("<script") == 2
    assert "<!--" not in text


def test_addresses_change_with_the_content(page, static):
    """What has not changed is never asked for again; what has, is at once."""
    text = page.get("/").body.decode()
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    styles = [
        address.partition("?")[0].rpartition("/")[2] for address in addresses if ".css" in address
    ]
    assert styles == ["styles.css"]
    assert len(addresses) == 4  # the module is announced, too
    for address in addresses:
        answer = page.get(address)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    (static / "app.js").write_text("/* another */")
    os.utime(static / "app.js", (1, 1))
    again = page.get("/").body.decode()
    assert set(re.findall(r'src="(/static/app[^"]+)"', again)).isdisjoint(addresses)
    assert page.get("/static/app.js").body == b"/* another */"


def test_modules_are_announced(page, static):
    """What the page's module imports, and what that imports, is named in the page; nothing else."""
    (static / "app.js").write_text('import { a } from "epochal/a.js";\nimport "preact";\n')
    (static / "a.js").write_text(
        'import {\n  b,\n} from "epochal/b.js"; const later = import("epochal/chart.js");'
    )
    (static / "b.js").write_text("import 'epochal/a.js';\nexport { x } from \"epochal/gone.js\";\n")
    text = page.get("/").body.decode()
    announced = re.findall(r'<link rel="modulepreload" href="/static/([^"?]+)', text)
    assert announced == ["app.js", "a.js", "vendor/preact.mjs", "b.js"]


def test_files_by_their_plain_name(page):
    """They are asked for again each time, and not sent again."""
    answer = page.get("/static/chart.js")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/javascript")
    again = page.get("/static/chart.js", {"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    stale = page.get("/static/chart.js?v=0000000000000000")
    assert stale.headers["cache-control"] == "no-cache"


def test_new_files_are_found(page, static):
    """Whoever writes a module only reloads the page."""
    assert page.get("/static/new.js").status == 404
    (static / "new.js").write_text("1")
    assert page.get("/static/new.js").body == b"1"
    assert '"epochal/new.js"' in page.get("/").body.decode()
    (static / "new.js").unlink()
    page.get("/")
    assert page.get("/static/new.js").status == 404


def test_what_is_not_handed_out(page, static):
    """Only files of known kinds that are listed: no hidden ones, no folders, no links out."""
    os.symlink("/etc", static / "etc")
    (static.parent / "secret.js").write_text("secret")
    for path in (".hidden.js", "notes.py", "vendor", "vendor/", "", "etc/passwd", "../secret.js"):
        assert page.get(f"/static/{path}").status == 404, path


def test_without_the_files_of_others(page, static):
    """The page says how to get them, and the rest of the server works."""
    assert page.get("/api/about").json["assets"] is True
    (static / "vendor" / "uPlot.esm.js").unlink()
    answer = page.get("/")
    assert answer.status == 503
    assert b"pip install" in answer.body
    assert b"vendor/uPlot.esm.js" in answer.body
    assert b"<script" not in answer.body
    assert page.get("/api/about").json["assets"] is False
    assert page.get("/api/projects").status == 200


def test_a_package_without_its_pages(page, static):
    """Even then there is an answer."""
    (static / "index.html").unlink()
    assert b"index.html" in page.get("/").body


def test_the_login_page(page):
    """It can be read by everybody."""
    answer = page.get("/login")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_the_files_of_the_package():
    """Every address in our pages is that of a file, and the placeholder is where it must be."""
    assets = Assets()
    for name in ("index.html", "login.html"):
        text = assets.page(name).decode()
        for address in re.findall(
            r'"/static/([^"?]+)', re.sub(r"<script type=.importmap.*?</script>", "", text)
        ):
            assert assets.get(address), f"{name} names {address}"
    assert '<script type="importmap">' in assets.page("index.html").decode()
