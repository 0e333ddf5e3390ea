"""One comment on a change: found by its marker and its author, updated, and never doubled."""

from __future__ import annotations

import pytest

from forge import TOKEN, SimulatedForge
from pytest_postmortem.ci.change import Change, Forge
from pytest_postmortem.ci.comments import CommentError, build_marker, publish_comment
from server import Reply, Server, serving

MARKER = "<!-- pytest-postmortem -->"
FORGES: list[Forge] = ["GitHub", "GitLab"]


def change_at(server: Server, forge: Forge) -> Change:
    """Return change 12 at a simulated forge."""
    return Change(forge, f"{server.url}/api", "shop/api" if forge == "GitHub" else "7", 12)


@pytest.mark.parametrize("forge", FORGES)
def test_a_comment_is_created_and_then_updated(server: Server, forge: Forge) -> None:
    """A change has one comment, whose author and place among others do not matter."""
    api = SimulatedForge(forge, server, asks=forge == "GitLab")
    change = change_at(server, forge)
    for number in range(3):
        api.add("ada", f"comment {number}", "User")

    done = [publish_comment(change, TOKEN, "", text) for text in ("one", "one", "two")]

    assert done == ["created", "unchanged", "updated"]
    assert api.bodies == ["comment 0", "comment 1", "comment 2", f"{MARKER}\ntwo"]


@pytest.mark.parametrize("forge", FORGES)
def test_a_comment_of_another_author_is_left_alone(server: Server, forge: Forge) -> None:
    """Everyone can write the marker, also one who wants their text to be replaced by ours."""
    api = SimulatedForge(forge, server, asks=True)
    api.add("mallory", f"{MARKER}\nmine", "User")

    publish_comment(change_at(server, forge), TOKEN, "", "text")

    assert api.bodies == [f"{MARKER}\nmine", f"{MARKER}\ntext"]
    assert api.changes == ["POST"]


def test_a_job_token_takes_no_comment_of_a_person_for_its_own(server: Server) -> None:
    """The token of a job of GitHub may not ask whose it is, and only an app is shown as one."""
    api = SimulatedForge("GitHub", server)
    api.add("mallory", f"{MARKER}\nmine", "User")
    api.add("other[bot]", f"{MARKER}\ntheirs")
    api.add("quoting[bot]", f"> {MARKER}\nquoted")

    publish_comment(change_at(server, "GitHub"), TOKEN, "", "text")

    assert api.bodies[:3] == [f"{MARKER}\nmine", f"{MARKER}\ntheirs", f"> {MARKER}\nquoted"]
    assert api.bodies[3:] == [f"{MARKER}\ntext"]


@pytest.mark.parametrize("forge", FORGES)
def test_of_two_comments_of_two_jobs_the_oldest_is_kept(server: Server, forge: Forge) -> None:
    """Two jobs that find no comment at the same time end with one."""
    api = SimulatedForge(forge, server, asks=forge == "GitLab")
    api.before_creation = lambda: api.add(api.user, f"{MARKER}\nfirst")
    change = change_at(server, forge)

    publish_comment(change, TOKEN, "", "second")
    first = [(comment.id, comment.body) for comment in api.comments]
    api.add(api.user, f"{MARKER}\nleft by an old version")
    publish_comment(change, TOKEN, "", "third")

    assert first == [(101, f"{MARKER}\nsecond")]
    assert api.bodies == [f"{MARKER}\nthird"]


def test_without_need_no_comment_is_created_but_one_is_updated(server: Server) -> None:
    """A change that needs no comment gets none; one that needed it is told that all is well."""
    api = SimulatedForge("GitHub", server)
    change = change_at(server, "GitHub")

    before = publish_comment(change, TOKEN, "", "well", create=False)
    api.add(api.user, f"{MARKER}\r\nlost\r\n")
    after = publish_comment(change, TOKEN, "", "well", create=False)

    assert (before, after) == ("not needed", "updated")
    assert api.bodies == [f"{MARKER}\nwell"]


def test_a_comment_that_is_deleted_meanwhile_is_created_again(server: Server) -> None:
    """It was listed, and is gone."""
    api = SimulatedForge("GitHub", server)
    listed = [{"id": 5, "body": f"{MARKER}\nold", "user": {"login": api.user, "type": "Bot"}}]
    server.on("/api/repos/shop/api/issues/12/comments", Reply(listed), api.answer, api.answer)

    done = publish_comment(change_at(server, "GitHub"), TOKEN, "", "new")

    assert done == "created"
    assert api.bodies == [f"{MARKER}\nnew"]


def test_suites_with_names_have_a_comment_each(server: Server) -> None:
    """Two folders of one repository do not overwrite each other's comment."""
    api = SimulatedForge("GitHub", server)
    change = change_at(server, "GitHub")

    for name in ("", "services/api", "services/web", "services/api"):
        publish_comment(change, TOKEN, name, f"of {name}")

    assert api.bodies == [
        f"{MARKER}\nof ",
        "<!-- pytest-postmortem services/api -->\nof services/api",
        "<!-- pytest-postmortem services/web -->\nof services/web",
    ]


@pytest.mark.parametrize("name", ["--> <img src=x>", "a--b", "\n-->\n@all", "--"])
def test_a_name_does_not_end_its_marker(name: str) -> None:
    """Whatever it is, the marker is one hidden line."""
    marker = build_marker(name)

    assert marker.count("--") == 2
    assert marker.count(">") == 1
    assert "\n" not in marker


REFUSED = {
    "GitHub": "the token may not comment (HTTP 403): the service says 'Resource not accessible by"
    " integration'; give the job 'pull-requests: write'; pull requests of forks and of Dependabot"
    " never get it",
    "GitLab": "the token may not comment (HTTP 403): the service says 'Resource not accessible by"
    " integration'; use a token with the scope 'api' and the role Reporter; pipelines of forks have"
    " no token of this project",
}


@pytest.mark.parametrize("forge", FORGES)
def test_a_token_that_may_only_read_is_an_error_with_its_remedy(
    server: Server, forge: Forge
) -> None:
    """As that of a pull request of a fork."""
    SimulatedForge(forge, server, refused=403, asks=forge == "GitLab")

    with pytest.raises(CommentError) as caught:
        publish_comment(change_at(server, forge), TOKEN, "", "text")

    assert str(caught.value) == REFUSED[forge]


def test_a_fork_is_not_told_to_set_a_token(server: Server) -> None:
    """It can't have one."""
    change = change_at(server, "GitHub")._replace(is_of_fork=True)

    with pytest.raises(CommentError) as caught:
        publish_comment(change, None, "", "text")

    assert (
        str(caught.value) == "the token is missing, since a job for a fork has none of this project"
    )


def test_a_refused_token_is_not_in_the_message(server: Server) -> None:
    """The service repeats it."""
    SimulatedForge("GitHub", server)

    with pytest.raises(CommentError) as caught:
        publish_comment(change_at(server, "GitHub"), "secret-of-somebody-77", "", "text")

    assert str(caught.value).startswith("the credential is missing or was refused (HTTP 401)")
    assert "secret-of-somebody" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply("<html>"), "the answer is not JSON; check the address"),
        (Reply({"a": 1}), "the answer is not a list of comments; check the address"),
        (
            Reply([], headers={"Link": '<http://elsewhere.example/2>; rel="next"'}),
            "its next page is at another host; check the address",
        ),
    ],
)
def test_an_answer_of_another_kind_is_an_error(server: Server, reply: Reply, cause: str) -> None:
    """And no request with the token goes to another host."""
    SimulatedForge("GitHub", server)
    server.on("/api/repos/shop/api/issues/12/comments", reply)

    with pytest.raises(CommentError) as caught:
        publish_comment(change_at(server, "GitHub"), TOKEN, "", "text")

    assert str(caught.value) == cause


def test_a_token_goes_unencrypted_to_this_machine_alone() -> None:
    """Nothing is sent."""
    change = Change("GitHub", "http://forge.example/api", "shop/api", 12)

    with pytest.raises(CommentError) as caught:
        publish_comment(change, TOKEN, "", "text")

    assert str(caught.value).startswith("a credential is sent over https alone; write https://")


def test_a_change_is_not_redirected_to_another_host(server: Server) -> None:
    """Neither the token nor the text goes there."""
    api = SimulatedForge("GitHub", server)
    with serving() as other:
        moved = Reply(b"", 307, {"Location": f"{other.url}/elsewhere"})
        server.on("/api/repos/shop/api/issues/12/comments", api.answer, moved)

        with pytest.raises(CommentError) as caught:
            publish_comment(change_at(server, "GitHub"), TOKEN, "", "text")

    assert "it leads a change elsewhere" in str(caught.value)
    assert other.asked == []


def test_without_a_token_the_variables_are_named() -> None:
    """It is clear what to set."""
    with pytest.raises(CommentError) as caught:
        publish_comment(Change("GitLab", "https://x.example", "7", 1), None, "", "text")

    assert str(caught.value) == "the token is missing; set POSTMORTEM_TOKEN or GITLAB_TOKEN"
