"""What a file's name says: whether it is git's own, and whether such files are read and written.

Pure, and the same for gateway and runner: each decides by its own reading of a path.
"""

import re
from typing import Final

from moorage_api.base import WireModel

_GITS: Final = frozenset({".git", "git~1"})
_IGNORED: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Default_Ignorable_Code_Point of Unicode; those that HFS+ ignores are among them."""


def is_git(name: str) -> bool:
    """Return whether any file system takes a file or folder of this name for git's own.

    Those that fold case; HFS+, which ignores some characters; NTFS, for which ``git~1`` is a short
    form, dots and spaces at the end are nothing, a colon begins a stream, a backslash a name below.
    """
    plain = _IGNORED.sub("", name).casefold()
    return any(part.partition(":")[0].rstrip(" .") in _GITS for part in plain.split("\\"))


_SOURCE = """
adb ads asm astro awk bash bat bazel bzl c cc cfg clj cljc cljs cmake cmd coffee cpp cs csh css cts
cu cxx d dart diff edn el elm erb erl ex exs f90 fish fs fsi fsx gd glsl go gql gradle graphql
graphqls groovy h haml hbs heex hh hlsl hpp hrl hs htm html hxx ino ipynb java jl js json json5
jsonc jsonl jsx kt kts less lhs liquid lisp lua m mak mdx mk ml mli mm mod mts mustache nim nix
nunjucks pas patch php pl pm postcss prisma proto ps1 psm1 pug pxd py pyi pyx qml r rake rb re rei
rkt rs sass sbt scala scm scss sh sol sql star styl sum sv svelte swift tcl tf tfvars thrift toml
tpl ts tsx v vb vert vhd vhdl vim vue wat wgsl work xaml xsd xsl xslt zig zsh
"""
_TEXT = """
adoc bib conf csv desktop env example ini lock log map markdown md mdc org plist po pot properties
rst rtf service snap srt tex text tsv txt vtt webmanifest xml yaml yml
"""
_BINARY = """
avif bmp gif gz ico jpeg jpg mp3 mp4 ogg otf pdf png svg tar tgz ttf wasm wav webm webp woff woff2
zip
"""
EXTENSIONS: Final = frozenset(f"{_SOURCE} {_TEXT} {_BINARY}".split())

_NAMES = """
    .babelrc .bash_profile .bashrc .browserslistrc .clang-format .coveragerc .dockerignore
    .editorconfig .env .eslintignore .eslintrc .flake8 .gitattributes .gitignore .gitkeep
    .gitmodules .helmignore .mailmap .node-version .npmignore .npmrc .nvmrc .prettierignore
    .prettierrc .profile .pylintrc .python-version .ruby-version .stylelintrc .tool-versions
    .zshrc AUTHORS BUILD Brewfile CHANGELOG CHANGES CODEOWNERS CONTRIBUTING COPYING Caddyfile
    Containerfile Dockerfile GNUmakefile Gemfile Guardfile INSTALL Jenkinsfile Justfile LICENSE
    MAINTAINERS Makefile NOTICE OWNERS Pipfile Podfile Procfile README Rakefile TODO Tiltfile
    VERSION Vagrantfile WORKSPACE gradlew justfile makefile mvnw
"""
NAMES: Final = frozenset(_NAMES.split())


class FileKinds(WireModel):
    """Which files may be read and written: by extension, or by whole name."""

    extensions: frozenset[str] = EXTENSIONS
    names: frozenset[str] = NAMES

    def allow(self, name: str) -> bool:
        """Return whether a file of this name (the last part of its path) is among them.

        ``Dockerfile.dev`` counts as ``Dockerfile``, ``.env.local`` as ``.env``: what stands before
        a dot may be a name.
        """
        words = name.split(".")
        if any(".".join(words[:count]) in self.names for count in range(1, len(words) + 1)):
            return True
        before, dot, extension = name.rpartition(".")
        return bool(dot and before) and extension.lower() in self.extensions


USUAL_FILES: Final = FileKinds()
