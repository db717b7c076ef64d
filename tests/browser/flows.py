"""What people do from beginning to end, with a script and without."""

import re
from dataclasses import dataclass

from chromium import Page, PageFailure
from demo import PASSWORD
from inspection import Inspection


@dataclass
class Visitor:
    """Somebody before a screen, and what is there for them alone."""

    page: Page
    inspection: Inspection
    # The user as whom they log in.
    name: str
    # The playbook of which a run waits for them.
    held: str
    # Links in mails: one that unsubscribes, and one to a survey.
    unsubscribe: str
    survey: str

    def look(self, name):
        self.inspection.look(self.page, name)


def require(holds, otherwise):
    if not holds:
        raise PageFailure(otherwise)


# For colleagues


def log_in(visitor):
    """A wrong password is refused; the right one leads to the page that was wanted."""
    page = visitor.page
    page.open("/accounts")
    require(page.address.startswith("/login"), "who has not logged in sees accounts")
    visitor.look("login")
    page.find("textbox", "Name").fill(visitor.name)
    page.find("textbox", "Password").fill("a wrong password")
    page.find("button", "Log in").follow()
    require(page.status == 401, "a wrong password is taken")
    page.find("alert")
    visitor.look("login-wrong")
    page.find("textbox", "Password").fill(PASSWORD)
    page.find("button", "Log in").follow()
    require(page.address == "/accounts", f"the login leads to {page.address}")


def work_by_keyboard(visitor):
    """Tasks are completed, put off, dismissed and ticked without a mouse, and each is taken back."""
    page = visitor.page
    for words in [complete_by_keyboard, put_off_by_keyboard, dismiss_by_keyboard, tick_by_keyboard]:
        page.open("/")
        words(visitor)
    if page.view.has_script:
        page.press("?")
        page.wait_for(lambda: page.count("dialog[open]"), "? shows no keys")
        visitor.look("keys")
        page.press("Escape")
        page.wait_for(lambda: not page.count("dialog[open]"), "Escape does not close the keys")


def complete_by_keyboard(visitor):
    page = visitor.page
    task = choose_task(page)
    begin(page, "e", "complete", f"form[action='/tasks/{task}/done'] input:not([type=hidden])")
    visitor.look("task")
    if page.has_focus("[type=radio]"):
        page.press(" ")
    else:
        page.write("done without a mouse")
    with page.loading():
        page.press("Enter")
    undo_by_keyboard(visitor, task, "completed")


def put_off_by_keyboard(visitor):
    page = visitor.page
    task = choose_task(page)
    begin(page, "s", "snooze", f"form[action='/tasks/{task}/snooze'] select")
    page.tab_to("form[action$='/snooze'] button")
    with page.loading():
        page.press("Enter")
    undo_by_keyboard(visitor, task, "put off")


def dismiss_by_keyboard(visitor):
    page = visitor.page
    task = choose_task(page)
    begin(page, "d", "dismiss", f"form[action='/tasks/{task}/dismiss'] select")
    # The first letter of “Not relevant” chooses it.
    page.press("n")
    if page.count("form[action$='/dismiss'] [name=rest]"):
        page.tab_to("[name=rest]")
        page.press(" ")
    page.tab_to("form[action$='/dismiss'] button")
    with page.loading():
        page.press("Enter")
    undo_by_keyboard(visitor, task, "dismissed")


def tick_by_keyboard(visitor):
    """Two tasks are ticked and completed together, after a page that says what follows."""
    page = visitor.page
    tasks = page.evaluate("[...document.querySelectorAll('.row a[data-task]')].map((one) => one.dataset.task)")[:2]
    for number, task in enumerate(tasks):
        if page.view.has_script:
            page.press(*["j"] if number else ["j", "k"])
            page.wait_for(lambda: page.has_focus(find_row(task)), "j does not lead to the next task")
            page.press("x")
        else:
            page.tab_to(f".row input[value='{task}']")
            page.press(" ")
        require(page.select(f".row input[value='{task}']").is_checked, "a task is not ticked by its key")
    page.tab_to("button[name=deed][value=complete]")
    with page.loading():
        page.press("Enter")
    visitor.look("complete-several")
    page.tab_to(".sure button")
    with page.loading():
        page.press("Enter")
    undo_by_keyboard(visitor, tasks[0], "completed together")


def choose_task(page):
    """Goes to the first task of the list by keys, opens it where there is no script, and returns its id."""
    task = page.evaluate("document.querySelector('.row a[data-task]').dataset.task")
    if page.view.has_script:
        page.press("j", "k")
        page.wait_for(lambda: page.has_focus(find_row(task)), "j and k do not lead to a task")
    else:
        page.tab_to(find_row(task))
        with page.loading():
            page.press("Enter")
    return task


def find_row(task):
    """The selector of a task in the list."""
    return f".row a[data-task='{task}']"


def begin(page, key, word, field):
    """Puts the focus into the form of a word, by its key or by Tab."""
    if not page.view.has_script:
        if page.count(f"details > summary#{word}"):
            page.tab_to(f"#{word}")
            page.press("Enter")
        page.tab_to(field)
        return
    if page.view.is_phone:
        # The first time leads from the list to the task.
        with page.loading():
            page.press(key)
    page.press(key)
    page.wait_for(lambda: page.has_focus(field), f"{key} does not lead to {word}")


def undo_by_keyboard(visitor, task, state):
    """After a deed its task is gone from the list; undone, it is there again."""
    page = visitor.page
    page.find("status")
    require(not page.count(find_row(task)), f"a task that was {state} is still in the list")
    visitor.look(state)
    if page.view.has_script:
        with page.loading():
            page.press("u")
    else:
        page.tab_to("form.undo button")
        with page.loading():
            page.press("Enter")
    require(page.count(find_row(task)), f"a task that was {state} does not come back by undo")


def undo(visitor):
    """A task is completed and taken back by the mouse."""
    page = visitor.page
    page.open("/")
    page.select(".row a[data-task]").click()
    page.wait_for(lambda: page.count("form[action$='/done'] button"), "no task is shown")
    if page.view.is_phone or not page.view.has_script:
        page.wait_for(lambda: page.address != "/", "a click on a task does not open it")
    title = page.text("article h1, .pane .title")
    form = page.select("form[action$='/done']")
    if page.count("form[action$='/done'] [type=radio]"):
        page.select("form[action$='/done'] [type=radio]").click()
    page.find("button", "Complete", under=form).follow()
    require((page.count(".toast") == 1) == page.view.has_script, "the time left to undo is not as scripts have it")
    visitor.look("undo")
    page.find("button", "Undo").follow()
    page.find("link", title)


def approve_run(visitor):
    """A run that waits is looked at and approved; it goes on, and its accounts enter."""
    page = visitor.page
    page.open("/approvals")
    page.find("link", re.compile(re.escape(visitor.held))).follow()
    visitor.look("approval")
    page.select("form[action$='/approve'] button").follow()
    visitor.look("approval-approved")
    page.wait_for_text(visitor.name, "main")
    address = page.address

    def is_released():
        page.open(address)
        return page.count(".state.done")

    page.wait_for(is_released, "a run that was approved does not go on")
    page.open("/audit")
    page.wait_for_text(visitor.held, "main")


def read_why_not(visitor):
    """An account is found by a part of its name, and says why a playbook leaves it alone."""
    page = visitor.page
    page.open("/accounts")
    name = page.evaluate("document.querySelector('main table a[href^=\"/accounts/\"]').innerText")
    page.select("header input[type=search]").fill(name[:-2])
    with page.loading():
        page.press("Enter")
    visitor.look("search")
    page.find("link", re.compile(re.escape(name))).follow()
    require(name in page.text("h1"), f"the account that was found is {page.text('h1')}")
    page.find("link", re.compile(r"^Why not\?")).follow()
    require("because" in page.text("#why").lower(), "why not is said without a reason")
    visitor.look("why-not")


def read_in_chinese(visitor):
    """The pages are read in Chinese from the moment that somebody chooses it, and in English again."""
    page = visitor.page
    page.open("/accounts")
    page.find("button", "中文").follow()
    require(page.address == "/accounts", f"the choice of a language leads to {page.address}")
    pages = page.evaluate("[...document.querySelectorAll('header nav a')].map((link) => link.getAttribute('href'))")
    for address in [*pages, page.evaluate("document.querySelector('main th a').getAttribute('href')")]:
        page.open(address)
        require(page.evaluate("document.documentElement.lang") == "zh", f"{address} is not in Chinese")
        visitor.look(f"chinese{address.replace('/', '-')}")
    page.find("button", "English").follow()
    require(page.evaluate("document.documentElement.lang") == "en", "English cannot be chosen again")


def log_out(visitor):
    page = visitor.page
    page.open("/accounts")
    page.find("button", "Log out").follow()
    page.open("/accounts")
    require(page.address.startswith("/login"), "who has logged out sees accounts")


# For customers, whose pages are in the language of their reader


def unsubscribe_twice(visitor):
    """The link in a mail asks first, and opened again it is no error."""
    page = visitor.page
    page.open(visitor.unsubscribe)
    visitor.look("unsubscribe-first")
    page.select("main form button").follow()
    require(not page.count("main form"), "who has unsubscribed is asked once more")
    visitor.look("unsubscribed-first")
    page.open(visitor.unsubscribe)
    visitor.look("unsubscribe-second")
    if page.count("main form"):
        page.select("main form button").follow()
    require(not page.count("main form") and page.text("h1"), "who unsubscribes twice is not told that it is done")
    visitor.look("unsubscribed-second")


def choose_mails(visitor):
    """From there one chooses by kind: what was unsubscribed is not chosen, and what is chosen is kept."""
    page = visitor.page
    page.open(visitor.unsubscribe)
    page.select("a[href*='/p/']").follow()
    visitor.look("choices")
    require(page.count("[type=checkbox]:not(:checked)"), "what was unsubscribed is still chosen")
    page.select("[type=checkbox]:not(:checked)").click()
    chosen = page.count("[type=checkbox]:checked")
    page.select("main form button").follow()
    page.find("status")
    visitor.look("choices-saved")
    page.open(page.address)
    require(page.count("[type=checkbox]:checked") == chosen, "a choice about mails is not kept")


def answer_survey(visitor):
    """The number that was clicked in the mail is chosen; sent with words, both are among the answers."""
    page = visitor.page
    page.open(visitor.survey)
    visitor.look("survey")
    require(page.count("[name=answer]:checked") == 1, "the number in the link is not chosen")
    words = f"an answer ({page.view})"
    page.find("textbox").fill(words)
    page.select("main form button").follow()
    require(not page.count("main form") and page.text("h1"), "nobody says thanks for an answer")
    visitor.look("survey-thanks")
    page.open("/answers")
    page.wait_for_text(words, "main")
    visitor.look("answers")


# In this order: the first opens what the others need, the last closes it.
FLOWS = [
    ("log in", log_in),
    ("work by keyboard", work_by_keyboard),
    ("undo", undo),
    ("approve a run", approve_run),
    ("read why not", read_why_not),
    ("read in Chinese", read_in_chinese),
    ("unsubscribe twice", unsubscribe_twice),
    ("choose mails", choose_mails),
    ("answer a survey", answer_survey),
    ("log out", log_out),
]

# Nothing is to be seen before a login, and without answers there is nothing to export.
NEEDED = [log_in, answer_survey]
