"""Clones one repository with as few git processes as its ref allows: mostly one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage_api.reasons import Reason
from moorage_api.resources.parts import Repository
from moorage_runner.clone.failures import Attempt, explain, recognise
from moorage_runner.clone.process import Finished, environment, run
from moorage_runner.clone.source import RefKind, Source, read_ref
from moorage_runner.commands import Launcher

IDENTITY: Final = ("Claude", "claude@noreply.example.com")
"""Author of commits where the session's HOME names none."""


@dataclass(frozen=True, slots=True)
class Cloning:
    """A repository on its way into the folder `target`, which must not exist."""

    repository: Repository
    source: Source
    target: Path
    attempt: Attempt
    on_stderr: Callable[[bytes], None]
    launcher: Launcher
    named: bool = False
    """Whether the session's HOME names an author."""

    async def clone(self) -> None:
        """Clone and check out.

        Raises:
            CloneError: Git failed.
            OSError: Git cannot be started.
        """
        ref = read_ref(self.repository.ref)
        if ref.kind is RefKind.PINNED:
            await self._clone_pinned(ref.name)
            return
        branch = ["--branch", ref.name] if ref.name else []
        done = await self._git(*self._clone_words(), *self._depth(), *self._recurse(), *branch)
        if not done.code:
            return
        if ref.maybe_commit and recognise(done.stderr) is Reason.REF_NOT_FOUND:
            await self._must(*self._clone_words(), "--no-checkout")
            await self._check_out(ref.name)
            return
        raise self._failure(done)

    async def _clone_pinned(self, name: str) -> None:
        """Clone, and fetch what no branch need lead to; all history if no server gives it alone."""
        await self._must(*self._clone_words(), *self._depth(), "--no-checkout")
        if not self.repository.depth and (await self._try_check_out(name)).code == 0:
            return
        fetch = ("-C", str(self.target), "fetch", "--progress")
        done = await self._git(*fetch, *self._depth(), "origin", name)
        if done.code == 0:
            await self._check_out("FETCH_HEAD")
            return
        if not self.repository.depth or recognise(done.stderr) is not Reason.REF_NOT_FOUND:
            raise self._failure(done)
        everything = "+refs/heads/*:refs/remotes/origin/*"
        await self._must(*fetch, "--unshallow", "--tags", "origin", everything)
        await self._check_out(name)

    async def _check_out(self, commit: str) -> None:
        done = await self._try_check_out(commit)
        if done.code:
            raise self._failure(done)

    async def _try_check_out(self, commit: str) -> Finished:
        here = ("-C", str(self.target))
        done = await self._git(*here, "checkout", "--progress", "--detach", commit, "--")
        if done.code == 0 and self.repository.submodules:
            await self._must(*here, "submodule", "update", "--init", "--recursive", "--progress")
        return done

    def _clone_words(self) -> list[str]:
        words = ["clone", "--progress", "--no-hardlinks", "--template="]
        if not self.named:
            name, address = IDENTITY
            words += ["-c", f"user.name={name}", "-c", f"user.email={address}"]
        return words

    def _depth(self) -> list[str]:
        return ["--depth", str(self.repository.depth)] if self.repository.depth else []

    def _recurse(self) -> list[str]:
        return ["--recurse-submodules"] if self.repository.submodules else []

    async def _must(self, *words: str) -> None:
        done = await self._git(*words)
        if done.code:
            raise self._failure(done)

    async def _git(self, *words: str) -> Finished:
        ending = ("--", self.source.url, str(self.target)) if words[0] == "clone" else ()
        return await run(
            ["git", *words, *ending],
            environment(self.source.protocols),
            self.launcher,
            on_stderr=self.on_stderr,
        )

    def _failure(self, done: Finished) -> Exception:
        return explain(recognise(done.stderr), self.attempt, done.stderr)
