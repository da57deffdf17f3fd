"""The site: ``python -m sphinx -n -W --keep-going docs docs/_build/html``, in an environment with the extra ``docs``.

Pages are the Markdown files of this folder, which can be read on GitHub too. Everything that a page needs is made here:
formulas are MathML, links to scikit-learn are looked up in no index, and the gallery runs copies of ``examples/``, so
that a build asks no network and writes nothing outside ``docs/_build``, ``docs/generated`` and ``docs/gallery``.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError
from sphinx.util import logging

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models: threads would wait for each other

import skvae  # noqa: E402

logger = logging.getLogger(__name__)

project = "skvae"
author = "The skvae developers"
copyright = author
version = release = skvae.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "gallery/*.ipynb",
    "gallery/*.py",
    "gallery/*.json",
    "gallery/README.rst",
    "**sg_execution_times.rst",
]
templates_path = ["_templates"]
highlight_language = "none"  # what programs print is no program
suppress_warnings = ["config.cache"]  # functions in the configuration of the gallery are in no cache

# Pages

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
copybutton_prompt_text = ">>> |\\$ "
copybutton_prompt_is_regexp = True

# Public objects

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
nitpicky = True

# Looks

html_theme = "pydata_sphinx_theme"
html_title = "skvae"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {name: [] for name in ("index", "how-do-i", "which-one", "benchmarks")}  # none has pages below it
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "github-light-high-contrast",
    "pygments_dark_style": "github-dark-high-contrast",
}

# Gallery

EXAMPLES = {
    "A table": ["quickstart", "tables", "grid_search", "pipeline_digits", "anomalies"],
    "Images": ["generation", "denoising", "inpainting", "compression", "retrieval", "clustering", "few_labels"],
    "Parts of images, time series, streams": ["anomaly_map", "segmentation", "time_series", "controller"],
    "More than one machine, servers": ["several_processes", "cluster_dask", "cluster_ray", "service"],
}
"""The examples in the order of the gallery."""

NOT_RUN = {"cluster_dask", "cluster_ray", "service"}
"""Those that need a cluster, or serve for ever: their pages show the script alone."""

ARGUMENTS = {
    "anomalies": ["--plot", "anomalies.png"],
    "anomaly_map": ["--max-iter", "40"],
    "clustering": ["--max-iter", "30"],
    "compression": ["--max-iter", "40", "--sizes", "4", "8"],
    "denoising": ["--max-iter", "40"],
    "grid_search": ["--plot", "grid_search.png", "--max-iter", "40"],
    "pipeline_digits": ["--plot", "pipeline_digits.png", "--n-splits", "3"],
    "retrieval": ["--max-iter", "30", "--sizes", "8"],
    "segmentation": ["--max-iter", "15", "--n-mosaics", "1"],
    "tables": ["--plot", "tables.png"],
}
"""What an example is called with in the gallery: a file, where it draws only if asked to, and few epochs."""

COPIES = DOCS / "_build" / "examples"


def copies_of_examples():
    """Copy the examples, each with a title, into one folder a section, as the gallery wants them."""
    listed = {name for names in EXAMPLES.values() for name in names}
    there = {path.stem for path in (ROOT / "examples").glob("*.py")}
    if listed != there:
        raise ExtensionError(f"EXAMPLES in docs/conf.py and the scripts of examples/ differ by {listed ^ there}.")
    shutil.rmtree(COPIES, ignore_errors=True)
    for number, (section, names) in enumerate(EXAMPLES.items(), 1):
        folder = COPIES / f"part{number}"
        folder.mkdir(parents=True)
        (folder / "README.rst").write_text(f"{section}\n{'-' * len(section)}\n")
        for name in names:
            title = name.replace("_", " ").capitalize()
            text = (ROOT / "examples" / f"{name}.py").read_text().removeprefix('"""')
            called = f"``python {' '.join([f'examples/{name}.py', *ARGUMENTS.get(name, [])])}``"
            called += ", which the site does not run" * (name in NOT_RUN)
            text = text.replace('\n"""', f'\n\n{called}\n"""', 1)
            (folder / f"{name}.py").write_text(f'"""{title}\n{"=" * len(title)}\n\n{text}')
    (COPIES / "README.rst").write_text(GALLERY)


GALLERY = """\
Gallery
=======

Scripts that run as they stand, ``python examples/NAME.py``, on data that scikit-learn ships. Each page shows the
script, what it prints and what it draws; of clusters and servers the script alone. Some of them are called with fewer
epochs here, so that the site is built in minutes; a page says with which arguments. What they print without any is in
the user guide.
"""


class Written:
    """Pictures that a script has written into its folder, for the gallery, in the order of their making."""

    def __call__(self, block, block_vars, gallery_conf):
        from sphinx_gallery.scrapers import figure_rst

        folder, paths = Path(block_vars["src_file"]).parent, block_vars["image_path_iterator"]
        moved = [
            shutil.move(picture, next(paths))
            for picture in sorted(folder.glob("*.png"), key=lambda picture: picture.stat().st_mtime_ns)
        ]
        return figure_rst(moved, gallery_conf["src_dir"])


def arguments(gallery_conf, script_vars):
    """What a script of the gallery is called with."""
    return ARGUMENTS.get(Path(script_vars["src_file"]).stem, [])


copies_of_examples()
sphinx_gallery_conf = {
    "examples_dirs": str(COPIES),
    "gallery_dirs": "gallery",
    "filename_pattern": rf"/(?!({'|'.join(sorted(NOT_RUN))})\.py)\w+\.py$",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": (Written(),),
    "reset_argv": arguments,
    "reset_modules": (),
    "remove_config_comments": True,
    "show_memory": False,
    "notebook_extensions": set(),  # scripts that read arguments are no notebooks
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
}


def links_of_pages(app, name, source):
    """Lead links to scripts, which on GitHub are files, to their pages of the gallery."""
    parts = {example: number for number, names in enumerate(EXAMPLES.values(), 1) for example in names}
    up = "../" * name.count("/")

    def link(match):
        return f"]({up}gallery/part{parts[match[1]]}/{match[1]}.rst)"

    source[0] = re.sub(r"\]\((?:\.\./)+examples/(\w+)\.py\)", link, source[0])


# Formulas


def formula(translator, node, is_block):
    """A formula as MathML, which browsers draw without a script, in the colour of the text."""
    try:
        mathml = tex2mathml(node.astext(), as_block=is_block)
    except MathError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node)
        return ""
    return re.sub(r'(<mo>&ApplyFunction;</mo>)(?!\s*<mo stretchy="false">)', r'\1<mspace width="0.17em"/>', mathml)


def inline_formula(translator, node):
    """Put a formula into a line."""
    from docutils.nodes import SkipNode

    translator.body.append(formula(translator, node, False))
    raise SkipNode


def block_formula(translator, node):
    """Put a formula between paragraphs."""
    from docutils.nodes import SkipNode

    translator.body.append(f'<div class="formula">{formula(translator, node, True)}</div>')
    raise SkipNode


html_math_renderer = "mathml"

# Names of others

ELSEWHERE = {
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{name}.html",
    "pandas": "https://pandas.pydata.org/docs/reference/api/{name}.html",
}

LABELS = {
    "df_output_transform": "https://scikit-learn.org/stable/modules/df_output_transform.html",
    "metadata_routing": "https://scikit-learn.org/stable/metadata_routing.html",
    "sphx_glr_auto_examples_miscellaneous_plot_set_output.py": (
        "https://scikit-learn.org/stable/auto_examples/miscellaneous/plot_set_output.html"
    ),
}
"""Pages of scikit-learn that its docstrings, which our estimators inherit, lead to."""


def elsewhere(app, env, node, contnode):
    """Link names of scikit-learn and pandas to their pages."""
    from docutils.nodes import reference

    name = node.get("reftarget", "")
    if name in LABELS:
        return reference("", "", contnode, internal=False, refuri=LABELS[name])
    if (library := name.split(".")[0]) in ELSEWHERE:
        return reference("", "", contnode, internal=False, refuri=ELSEWHERE[library].format(name=name))
    return None


def names_with_underscores(app, what, name, obj, options, lines):
    """Keep shapes such as (n_samples, n_components_) from being read as links, which a last underscore is in reST."""
    lines[:] = [re.sub(r"\b(n_components|n_features_in)_(?=[,)])", r"\1\\_", line) for line in lines]


def names_as_links(app, doctree):
    """Lead names of public objects, which pages have as code, to where they are explained."""
    from docutils import nodes
    from sphinx.addnodes import pending_xref

    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext().split("(")[0]
        if name in skvae.__all__ and isinstance(literal.parent, nodes.paragraph):
            link = pending_xref("", refdomain="py", reftype="obj", reftarget=f"skvae.{name}", refexplicit=True)
            literal.replace_self(link)
            link += literal


def no_literature_in_lists(app, doctree):
    """Take references to literature out of the lists of names, whose docstrings stand elsewhere."""
    from docutils.nodes import Text
    from sphinx.addnodes import pending_xref

    if app.env.docname == "api":
        for link in [link for link in doctree.findall(pending_xref) if link["refdomain"] == "citation"]:
            place = link.parent.index(link)
            link.parent[place - 1] = Text(link.parent[place - 1].astext().rstrip())
            link.parent.remove(link)


# Narrow pages


def cells_by_length(app, doctree):
    """Say of cells of tables whether they are figures, which stay in one line, or words, which need some width."""
    from docutils.nodes import entry, literal

    for cell in doctree.findall(entry):
        text = cell.astext()
        if len(text) <= 12 or re.fullmatch(r"[-+\u2212.,/%\[\]\d\s]{1,24}|[-+\u2212]?\.?\d.{0,15}", text):
            cell["classes"].append("figures")
        elif len(text) > 25:
            cell["classes"].append("sentence" if len(text) > 50 else "phrase")
        for code in cell.findall(literal):
            if len(code.astext()) > 45:
                code["classes"].append("long")


def percent_signs(app, doctree):
    """Keep a percent sign in the line of its number."""
    from docutils.nodes import FixedTextElement, Text, literal

    for text in list(doctree.findall(Text)):
        if " %" in text and not isinstance(text.parent, (FixedTextElement, literal)):
            text.parent.replace(text, Text(re.sub(r"(?<=\d) %", "\u00a0%", text)))


def arrows_as_list(app, doctree):
    """Write out the picture of the rooms, which GitHub draws: a line for each, with the rooms that it may import."""
    from docutils import nodes

    for picture in [block for block in doctree.findall(nodes.literal_block) if block.get("language") == "mermaid"]:
        rooms, arrows = {}, {}
        for start, start_label, end, end_label in re.findall(ARROW, picture.astext()):
            for room, label in ((start, start_label), (end, end_label)):
                rooms[room] = label or rooms.get(room, room)
            arrows.setdefault(start, []).append(end)
        lines = nodes.bullet_list()
        for room, ends in arrows.items():
            line = nodes.paragraph("", "", nodes.strong("", rooms[room]))
            line += nodes.Text(f" \u2192 {', '.join(rooms[end].split(' (')[0].split(':')[0] for end in ends)}")
            lines += nodes.list_item("", line)
        picture.replace_self(lines)


ARROW = r'(\w+)(?:\["([^"]*)"\])? --> (\w+)(?:\["([^"]*)"\])?'
"""From one room to another, each of which may have a label."""


def setup(app):
    """Hang the functions above into the build."""
    from pygments.lexers.special import TextLexer

    app.add_html_math_renderer("mathml", (inline_formula, None), (block_formula, None))
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", links_of_pages)
    app.connect("doctree-read", names_as_links)
    app.connect("doctree-read", no_literature_in_lists)
    app.connect("doctree-read", percent_signs)
    app.connect("doctree-read", cells_by_length)
    app.connect("doctree-read", arrows_as_list)
    app.connect("missing-reference", elsewhere)
    app.connect("autodoc-process-docstring", names_with_underscores, priority=900)
