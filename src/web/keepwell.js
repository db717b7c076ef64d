// What a page does faster with a script: keys, the task beside the list without
// loading the page anew, ticks that are kept at once, the time left to undo, and
// the numbers beside the navigation.
// Every page works without it, and nothing here decides anything.
"use strict";

(() => {
  const one = (selector, under = document) => under.querySelector(selector);
  const all = (selector, under = document) => [...under.querySelectorAll(selector)];
  const isNarrow = () => matchMedia("(max-width: 60rem)").matches;

  // Keys

  const links = () => all(".row a[data-task]");
  // The task that has the focus, else the one that is shown beside the list.
  const current = () => {
    const rows = links();
    const focused = rows.findIndex((link) => link.closest(".row").contains(document.activeElement));
    return focused >= 0 ? focused : rows.findIndex((link) => link.hasAttribute("aria-current"));
  };

  function move(by) {
    const rows = links();
    if (!rows.length) return;
    const at = Math.min(Math.max(current() + by, 0), rows.length - 1);
    rows[at].focus();
    rows[at].scrollIntoView({ block: "nearest" });
    open(rows[at]);
  }

  // Opens the form of a word, and puts the cursor where it begins.
  async function begin(id) {
    // Never the form of another task than the one that has the focus.
    const task = links()[current()];
    if (task && !task.hasAttribute("aria-current") && !isNarrow()) open(task);
    await opening;
    const heading = document.getElementById(id);
    if (!heading || !heading.checkVisibility()) {
      const link = links()[current()];
      if (link && isNarrow()) location.href = link.href;
      return;
    }
    const details = heading.closest("details");
    if (details) details.open = true;
    const form = details ? one("form", details) : heading.closest("form");
    const field = one("input:not([type=hidden]), select, textarea, button", form);
    if (field) field.focus();
    form.scrollIntoView({ block: "nearest" });
  }

  function help() {
    const dialog = one("dialog.keys");
    if (dialog && !dialog.open) dialog.showModal();
  }

  const DEEDS = {
    j: () => move(1),
    k: () => move(-1),
    e: () => begin("complete"),
    s: () => begin("snooze"),
    d: () => begin("dismiss"),
    a: () => begin("reassign"),
    x: () => {
      const link = links()[current()];
      if (link) one("input[type=checkbox]", link.closest(".row")).click();
    },
    u: () => {
      const undo = one(".undo button");
      if (undo) undo.click();
    },
    "/": () => {
      const search = one("main input[type=search]") || one("input[type=search]");
      if (search) search.focus();
    },
    "?": help,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const field = event.target.closest("input, select, textarea, dialog");
    if (field) {
      // A box that is ticked takes no letters.
      if (event.key === "Escape") field.blur();
      if (field.type !== "checkbox") return;
    }
    const deed = DEEDS[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });

  // The task beside the list

  let asked = 0;
  let opening = Promise.resolve();

  function open(link) {
    opening = load(link);
  }

  async function load(link) {
    const pane = document.getElementById("pane");
    if (!pane || isNarrow()) return;
    const turn = ++asked;
    for (const row of links()) row.toggleAttribute("aria-current", row === link);
    link.setAttribute("aria-current", "true");
    try {
      const answer = await fetch(link.href, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("pane");
      // A later one was asked for meanwhile.
      if (turn !== asked) return;
      if (!fresh) throw new Error("no pane");
      pane.replaceChildren(...fresh.childNodes);
      pane.scrollTop = 0;
      history.replaceState(null, "", link.href);
      prepare(pane);
    } catch {
      location.href = link.href;
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".row a[data-task]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (isNarrow() || !document.getElementById("pane")) return;
    event.preventDefault();
    open(link);
  });

  // Ticks are kept at once; the button is for when there is no script.

  function prepare(under) {
    for (const form of all("form.ticks", under)) {
      const button = one("button", form);
      button.hidden = true;
      form.addEventListener("change", async () => {
        try {
          const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
          button.hidden = answer.ok;
        } catch {
          button.hidden = false;
        }
      });
    }
  }

  // The time left to undo

  function countDown(form) {
    const words = one(".quiet", form);
    let left = Number(form.dataset.seconds);
    form.classList.add("toast");
    const tick = () => {
      if (left <= 0) {
        form.remove();
        return;
      }
      words.textContent = form.dataset.countdown.replace("{seconds}", left);
      left -= 1;
      setTimeout(tick, 1000);
    };
    tick();
  }

  // The numbers beside the navigation, each minute while somebody looks

  async function count() {
    if (document.hidden) return;
    try {
      const answer = await fetch("/counters", { headers: { accept: "application/json" } });
      // Whoever is not logged in any more is led to the login.
      if (!answer.ok || answer.redirected) return;
      const counters = await answer.json();
      for (const place of all("[data-counter]")) {
        const number = counters[place.dataset.counter] || "";
        if (place.textContent !== number) place.textContent = number;
        place.hidden = !number;
      }
    } catch {
      // The next minute asks again.
    }
  }

  if (one("[data-counter]")) {
    setInterval(count, 60000);
    document.addEventListener("visibilitychange", count);
  }

  prepare(document);
  all("form.undo").forEach(countDown);
})();
