"""The documentation site: ``sphinx-build -W docs build/site``."""

import functools
import os
import sys
import sysconfig
from pathlib import Path

from nbclient import NotebookClient

import sshml

sys.path.append(str(Path(__file__).parent / "_extensions"))

project = "sshml"
author = "the sshml developers"
version = release = sshml.__version__

extensions = [
    "generated",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_extensions", "recipes"]

# Anchors of headings, for links such as page.md#heading.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "dollarmath"]

# Tutorials are run at every build; a cell that fails ends it.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
# Output of a command arrives in pieces of 100 characters.
NotebookClient.__init__ = functools.partialmethod(NotebookClient.__init__, coalesce_streams=True)
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
os.environ["TTY_COMPATIBLE"] = "0"  # the kernel asks for colours, which pages show as stray characters
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # beside other work, threads that wait for each other cost more

autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
autodoc_typehints = "description"  # in signatures, shapes are too long to read
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes that a docstring has are not listed again

copybutton_prompt_text = "$ "

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"sshml {version}"
html_theme_options = {
    "header_links_before_dropdown": 4,
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
