(() => {
  "use strict";
  const find = (id) => document.getElementById(id);
  const form = find("filters");
  const list = find("list");
  if (!form) return;
  const fold = (text) => text.normalize("NFKC").toLowerCase();
  const control = (name) => form.elements.namedItem(name);
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const names = ["severity", "class", "owner", "service", "tag"];
  const fields = ["q", ...names, "sort"].filter(control);
  const heads = [...document.querySelectorAll(".columns button")];

  const ranks = new Map();
  for (const box of form.querySelectorAll("input[name=state]")) ranks.set(box.value, ranks.size);
  const entries = [...list.children].map((row, index) => ({
    row,
    index,
    state: row.dataset.state,
    severity: row.dataset.severity,
    class: row.dataset.class,
    owner: row.dataset.owner,
    services: (row.dataset.service || "(none)").split("\n"),
    tags: (row.dataset.tags || "").split("\n"),
    focus: (row.dataset.focus || "").split(" "),
    required: row.dataset.required,
    actions: row.dataset.actions,
    proof: row.dataset.proof,
    date: row.dataset.date || "",
    late: row.dataset.late === undefined ? -Infinity : Number(row.dataset.late),
    place: Number(row.dataset.place),
    text: null,
  }));
  const title = (entry) => entry.row.querySelector(".title strong").textContent;
  const text = (entry) => {
    if (entry.text === null) {
      const parts = entry.row.querySelectorAll("summary > *, dd");
      entry.text = fold(Array.from(parts, (part) => part.textContent).join("\n"));
    }
    return entry.text;
  };

  const byText = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const dated = (sign) => (one, other) =>
    !one.date - !other.date || sign * (one.date < other.date ? -1 : one.date > other.date ? 1 : 0);
  const named = (name) => (one, other) =>
    (name(one) === "(none)") - (name(other) === "(none)") || byText(name(one), name(other));
  const orders = {
    state: (one, other) => (ranks.get(one.state) ?? 0) - (ranks.get(other.state) ?? 0),
    newest: dated(-1),
    oldest: dated(1),
    late: (one, other) => other.late - one.late,
    title: (one, other) => byText(one.name, other.name),
    class: named((entry) => entry.class),
    owner: named((entry) => entry.owner),
    service: named((entry) => entry.services[0]),
    registry: (one, other) => one.place - other.place,
  };
  let sorted = "";
  const sort = (order) => {
    if (order === sorted) return;
    sorted = order;
    if (order === "title") for (const entry of entries) entry.name ??= title(entry);
    const compare = orders[order] || (() => 0);
    entries.sort((one, other) => compare(one, other) || one.index - other.index);
    // To take thousands of rows away one by one is slow in Chromium, all at once is not.
    list.replaceChildren();
    const all = document.createDocumentFragment();
    for (const entry of entries) all.append(entry.row);
    list.append(all);
  };

  const chosen = (name) =>
    boxes.filter((box) => box.name === name && box.checked).map((box) => box.value);
  const value = (name) => (control(name) ? control(name).value : "");

  const build = () => {
    const query = new URLSearchParams();
    for (const name of fields) if (value(name)) query.append(name, value(name));
    for (const box of boxes) if (box.checked) query.append(box.name, box.value);
    return query;
  };

  const canonical = (query) => [...query].map((pair) => pair.join("=")).sort().join("&");
  const links = [...document.querySelectorAll('.overview a[href*="="]')]
    .filter((link) => link.getAttribute("href").startsWith("#"))
    .map((link) => [link, canonical(new URLSearchParams(link.hash.slice(1)))]);
  const mark = () => {
    const query = build();
    query.delete("sort");
    const now = canonical(query);
    for (const [link, filter] of links) {
      if (filter !== now) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) link.setAttribute("aria-current", "true");
    }
  };

  const chip = (words, clear) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const hint = document.createElement("span");
    button.type = "button";
    button.className = "chip";
    button.textContent = words;
    hint.className = "unseen";
    hint.textContent = ": remove this filter";
    button.append(hint);
    button.addEventListener("click", () => {
      clear();
      changed();
      (find("chips").querySelector("button") || control("q")).focus();
    });
    item.append(button);
    return item;
  };
  const showChips = () => {
    const chosenFields = names.filter((name) => value(name)).map((name) => {
      const select = control(name);
      const words = `${select.previousElementSibling.textContent}: ${select.selectedOptions[0].text}`;
      return chip(words, () => { select.value = ""; });
    });
    const chosenBoxes = boxes.filter((box) => box.checked).map((box) =>
      chip(box.parentElement.textContent.trim(), () => { box.checked = false; }));
    find("chips").replaceChildren(...chosenFields, ...chosenBoxes);
    find("chips").hidden = !find("chips").firstChild;
  };

  const apply = () => {
    const states = new Set(chosen("state"));
    const [required] = chosen("required");
    const [actions] = chosen("actions");
    const proofs = new Set(chosen("proof"));
    const focuses = chosen("focus");
    const words = fold(value("q")).split(/\s+/).filter(Boolean);
    const [severity, kind, owner, service, tag] = names.map(value);
    let shown = 0;
    for (const entry of entries) {
      const fits =
        (!states.size || states.has(entry.state)) &&
        (!required || entry.required === required) &&
        (!actions || entry.actions === actions) &&
        (!proofs.size || proofs.has(entry.proof)) &&
        focuses.every((name) => entry.focus.includes(name)) &&
        (!severity || entry.severity === severity) &&
        (!kind || entry.class === kind) &&
        (!owner || entry.owner === owner) &&
        (!service || entry.services.includes(service)) &&
        (!tag || entry.tags.includes(tag)) &&
        words.every((word) => text(entry).includes(word));
      if (entry.row.hidden === fits) entry.row.hidden = !fits;
      shown += fits;
    }
    list.toggleAttribute("data-chosen", shown !== entries.length);
    sort(value("sort"));
    for (const head of heads) {
      head.setAttribute("aria-pressed", String(head.dataset.sort === value("sort")));
    }
    const number = (count) => count.toLocaleString("en");
    const all = `${number(entries.length)} incident${entries.length === 1 ? "" : "s"}`;
    find("shown").textContent = shown === entries.length ? all : `${number(shown)} of ${all}`;
    find("nothing").hidden = shown > 0 || !entries.length;
    showChips();
    mark();
  };

  const remember = () => {
    try {
      history.replaceState(null, "", `#${build()}`);
    } catch {
      // A browser may refuse after many changes in a short time; the filter holds all the same.
    }
  };

  const recall = () => {
    const fragment = location.hash.slice(1);
    const query = new URLSearchParams(fragment.includes("=") ? fragment : "");
    for (const name of fields) {
      control(name).value = query.get(name) || "";
      if (control(name).selectedIndex === -1) control(name).value = "";
    }
    for (const box of boxes) box.checked = query.getAll(box.name).includes(box.value);
    apply();
  };

  const open = (anchor) => {
    const target = anchor && find(anchor);
    const details = target && target.closest("#list details");
    if (!details) return;
    if (details.parentElement.hidden) recall();
    details.open = true;
    const summary = details.querySelector("summary");
    summary.scrollIntoView({ block: "center" });
    summary.focus({ preventScroll: true });
  };

  const follow = () => {
    const fragment = location.hash.slice(1);
    if (!fragment.includes("=")) {
      open(fragment);
      return;
    }
    recall();
    find("incidents").scrollIntoView();
    find("incidents").focus({ preventScroll: true });
  };

  let waiting = 0;
  const changed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(remember, 250);
    apply();
  };
  let typing = 0;
  control("q").addEventListener("input", () => {
    cancelAnimationFrame(typing);
    typing = requestAnimationFrame(changed);
  });
  form.addEventListener("change", changed);
  for (const head of heads) {
    head.addEventListener("click", () => {
      control("sort").value = head.dataset.sort;
      changed();
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));

  const unfold = find("unfold");
  const unfolded = (yes) => {
    for (const entry of entries) {
      if (!entry.row.hidden || !yes) entry.row.firstElementChild.open = yes;
    }
    unfold.setAttribute("aria-pressed", String(yes));
    unfold.textContent = yes ? "Close all" : "Open all";
  };
  unfold.addEventListener("click", () => {
    unfolded(unfold.getAttribute("aria-pressed") !== "true");
  });

  document.addEventListener("keydown", (event) => {
    const search = control("q");
    const busy = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !busy && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search && search.value) {
      event.preventDefault();
      search.value = "";
      changed();
    }
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    // Where the address stays as it is, the browser tells nobody of the click.
    if (link && link.hash === location.hash) follow();
  });
  window.addEventListener("hashchange", follow);

  // On a narrow screen the filters would push the incidents off it.
  find("choices").open = matchMedia("(min-width: 60rem)").matches;
  form.hidden = false;
  document.querySelector(".columns").hidden = false;
  recall();
  if (location.hash) follow();
})();
