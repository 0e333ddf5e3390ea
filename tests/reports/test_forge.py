"""Where a forge shows the files of a run, from the variables of CI, and never with a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_postmortem.reports.forge import Forge, find_forge
from report_schema import read_report

SHA = "0123456789abcdef0123456789abcdef01234567"
GITHUB = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": SHA}


@pytest.mark.parametrize(
    ("variables", "forge"),
    [
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "https://github.com"},
            Forge(
                "acme/shop",
                f"https://github.com/acme/shop/blob/{SHA}/",
                "https://github.com/acme/shop/commit/",
            ),
            id="github",
        ),
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "https://code.example:8443", "GITEA_ACTIONS": "true"},
            Forge(
                "acme/shop",
                f"https://code.example:8443/acme/shop/src/commit/{SHA}/",
                "https://code.example:8443/acme/shop/commit/",
            ),
            id="gitea",
        ),
        pytest.param(
            {
                "CI_PROJECT_URL": "https://gitlab.com/acme/web/shop",
                "CI_PROJECT_PATH": "acme/web/shop",
                "CI_COMMIT_SHA": SHA,
            },
            Forge(
                "acme/web/shop",
                f"https://gitlab.com/acme/web/shop/-/blob/{SHA}/",
                "https://gitlab.com/acme/web/shop/-/commit/",
            ),
            id="gitlab",
        ),
        pytest.param(
            {
                "BITBUCKET_GIT_HTTP_ORIGIN": "http://bitbucket.org/acme/shop",
                "BITBUCKET_REPO_FULL_NAME": "acme/shop",
                "BITBUCKET_COMMIT": SHA,
            },
            Forge(
                "acme/shop",
                f"http://bitbucket.org/acme/shop/src/{SHA}/",
                "http://bitbucket.org/acme/shop/commits/",
            ),
            id="bitbucket",
        ),
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "https://me:s3cret@github.com/?token=s3cret#s3cret"},
            Forge("acme/shop"),
            id="query",
        ),
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "https://me:s3cret@github.com"},
            Forge(
                "acme/shop",
                f"https://github.com/acme/shop/blob/{SHA}/",
                "https://github.com/acme/shop/commit/",
            ),
            id="credential",
        ),
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "javascript://x"}, Forge("acme/shop"), id="script"
        ),
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "https://[x"}, Forge("acme/shop"), id="broken"
        ),
        pytest.param(GITHUB, Forge("acme/shop"), id="no-server"),
        pytest.param(
            {**GITHUB, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_SHA": "main"},
            Forge("acme/shop"),
            id="no-commit",
        ),
        pytest.param({}, Forge(), id="none"),
    ],
)
def test_the_forge_is_the_one_that_ci_names(variables: dict[str, str], forge: Forge) -> None:
    """Without a credential, and without an address where one is missing or odd."""
    assert find_forge(variables) == forge


def test_a_report_names_its_project_and_forge(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI as that names it, else by the folder of the suite."""
    for name in ("GITHUB_REPOSITORY", "CI_PROJECT_URL", "BITBUCKET_GIT_HTTP_ORIGIN"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile("import pytest\n@pytest.mark.postmortem('PM-1')\ndef test_it(): pass\n")

    pytester.runpytest("--postmortem-report=json:own.json")
    monkeypatch.setenv("CI_PROJECT_URL", "https://x:y@gitlab.example/acme/shop")
    monkeypatch.setenv("CI_COMMIT_SHA", SHA)
    pytester.runpytest("--postmortem-report=json:ci.json")

    own, ci = (read_report(Path(name))["run"] for name in ("own.json", "ci.json"))
    assert (own["project"], own["files_url"]) == (pytester.path.name, None)
    assert ci["files_url"] == f"https://gitlab.example/acme/shop/-/blob/{SHA}/"
