"""Sphinx extension: what the book's pages carry beyond the theme.

It adds the bundle that tools/bundle.py made, drops what would call another host, and trims the
theme's icon fonts to the glyphs in use.
"""

import hashlib
import io
import json
import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageStat

HERE = Path(__file__).parent
BUNDLE = HERE.parent / "_build" / "web"
FONTS = "_static/vendor/fontawesome/webfonts"
SMALL = BUNDLE.parent / ".small"
MOST_OFF = 3.0  # of 255, root mean square a channel

# ipywidgets sets these from its own code; no page's text names them
WIDGET_ICONS = {"fa-play", "fa-pause", "fa-stop", "fa-retweet", "fa-check", "fa-times", "fa-xmark"}


def add_paths(app, config):
    """Templates and static files of ours, before the theme's."""
    config.templates_path.append(str(HERE / "templates"))
    config.html_static_path.append(str(BUNDLE))


def script_text(script):
    attributes = getattr(script, "attributes", {})
    return f"{getattr(script, 'filename', '') or ''} {attributes.get('body') or ''}"


def trim_page(app, pagename, templatename, context, doctree):
    """Drop sphinx-thebe, which names another host; give pages with widgets their style sheet."""
    scripts = context.get("script_files", [])
    if any("book/widgets.js" in script_text(s) for s in scripts):
        app.add_css_file("book/widgets.css", priority=850)
    context["script_files"] = [s for s in scripts if not re.search("(?i)thebe", script_text(s))]
    styles = context.get("css_files", [])
    context["css_files"] = [s for s in styles if "thebe" not in str(getattr(s, "filename", s))]
    if "body" in context:
        # roles that the elements docutils gives them to may not have
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        body = body.replace('role="doc-backlink"', "")
        # the summary's own words name it
        context["body"] = body.replace(' aria-label="Toggle hidden content"', "")
    if tree := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **more: named(tree(*args, **more))


def named(tree):
    """The sidebar's list of pages, its unfolding buttons named after what they unfold."""
    summary = re.compile(r"(<a [^>]*>)([^<]+)(</a>\s*<details[^>]*>\s*)<summary>")
    label = r'\1\2\3<summary aria-label="Pages below \2">'
    return summary.sub(label, str(tree))


def icons_in_use(out):
    """Names of the icons that the pages and their scripts ask for."""
    names = set(WIDGET_ICONS)
    files = [*out.rglob("*.html"), *(out / "_static").glob("*.js")]
    files += [*(out / "_static/scripts").glob("*.js"), *(out / "_static").glob("*.css")]
    for path in files:
        names |= set(re.findall(r"fa-[a-z0-9-]+", path.read_text(errors="ignore")))
    return names


def trim_icons(out):
    """Keep, of the theme's icon fonts and their style rules, the glyphs that are used."""
    sheet = out / "_static/styles/pydata-sphinx-theme.css"
    used = icons_in_use(out)
    rule = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"[^"]+"\}')

    def keep(match):
        named = set(re.findall(r"fa-[a-z0-9-]+", match.group(1)))
        return match.group(0) if named & used else ""

    css = rule.sub(keep, sheet.read_text())
    # what is left, and what other rules write straight into `content` or a custom property
    texts = [css, *(path.read_text() for path in (out / "_static").rglob("*.css") if path != sheet)]
    glyph = re.compile(r"[\"']\\([0-9a-f]{4,5})[\"']")
    points = {int(code, 16) for text in texts for code in glyph.findall(text)}
    css = re.sub(r',url\([^)]*\.ttf\) format\("truetype"\)', "", css)
    sheet.write_text(re.sub(r"/\*# sourceMappingURL=.*?\*/", "", css))
    for font in (out / FONTS).glob("*.woff2"):
        data = font.read_bytes()
        key = hashlib.sha256(data + json.dumps(sorted(points)).encode()).hexdigest()[:24]
        font.write_bytes(kept(f"{key}.woff2", lambda data=data: subset_font(data, sorted(points))))


def kept(name, make):
    """The bytes that `make` gives, kept from one build to the next under a name of their own."""
    path = SMALL / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make())
    return path.read_bytes()


def subset_font(data, points):
    """The woff2 font with these code points only."""
    options = subset.Options(flavor="woff2", drop_tables=["FFTM"], notdef_outline=True)
    with TTFont(io.BytesIO(data)) as font:
        small = subset.Subsetter(options)
        small.populate(unicodes=points)
        small.subset(font)
        result = io.BytesIO()
        font.flavor = "woff2"
        font.save(result)
    return result.getvalue()


def shrink_pictures(out):
    """Give the figures a palette: a third of the bytes, and no difference to the eye."""
    for path in (out / "_images").glob("*.png"):
        data = path.read_bytes()
        small = kept(
            f"{hashlib.sha256(data).hexdigest()[:24]}.png", lambda data=data: palette(data)
        )
        if len(small) < len(data):
            path.write_bytes(small)


def palette(data):
    """A PNG in 256 colours; the PNG itself where that would show."""
    with Image.open(io.BytesIO(data)) as picture:
        full = picture.convert("RGBA")
    if full.getextrema()[3] != (255, 255):
        return data
    full = full.convert("RGB")
    few = full.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    off = ImageStat.Stat(ImageChops.difference(full, few.convert("RGB")))
    if max(off.rms) > MOST_OFF:
        return data
    result = io.BytesIO()
    few.save(result, "PNG", optimize=True)
    return result.getvalue()


def finish(app, exception):
    """Remove what no page loads, then trim icons and pictures."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    trim_icons(out)
    shrink_pictures(out)
    unused = {
        *(out / "_static").rglob("*.map"),
        *(out / "_static/scripts").glob("fontawesome.js*"),
        *(out / FONTS).glob("*.ttf"),
        *(out / "_static").glob("sphinx-thebe*"),
    }
    for path in unused:
        path.unlink()


def setup(app):
    app.connect("config-inited", add_paths)
    app.connect("html-page-context", trim_page, priority=900)
    app.connect("build-finished", finish, priority=900)
    app.add_js_file("book/page.js", priority=300)
    app.add_css_file("book/theme.css", priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
