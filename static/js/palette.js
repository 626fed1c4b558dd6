// The command palette: results of /search while one types; Enter follows one, or asks /go.
(() => {
  "use strict";

  const palette = document.getElementById("palette");
  if (!palette) return;

  const form = palette.querySelector("form");
  const field = palette.querySelector("input");
  const results = palette.querySelector("[role=listbox]");
  const wait = 150;
  let timer = 0;
  let request = new AbortController();
  let answered = true; // Whether the results belong to what the field says now.

  const options = () => [...results.querySelectorAll("a[role=option]")];

  const select = (option) => {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    field.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  };

  const show = (fragment) => {
    results.innerHTML = fragment;
    answered = true;
    field.setAttribute("aria-expanded", String(options().length > 0));
    select(options()[0]);
  };

  const search = async () => {
    request.abort();
    request = new AbortController();
    const query = field.value.trim();
    if (!query) {
      show("");
      return;
    }
    try {
      const address = `${palette.dataset.search}?${new URLSearchParams({ q: query })}`;
      const answer = await fetch(address, {
        headers: { "HX-Request": "true" },
        signal: request.signal,
      });
      if (!answer.ok) throw new Error(`The search answered ${answer.status}`);
      show(await answer.text());
    } catch (error) {
      if (error.name === "AbortError") return; // A newer question is under way.
      show("");
      window.dashboard.announce("The search did not answer. Enter still reads a reference.");
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    answered = false;
    timer = setTimeout(search, wait);
  });

  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const all = options();
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (step && all.length) {
      event.preventDefault();
      select(all[(at + step + all.length) % all.length]);
    } else if (event.key === "Enter" && at >= 0 && answered) {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) window.open(all[at].href);
      else all[at].click();
    }
  });

  // A field without text has nothing to look up.
  form.addEventListener("submit", (event) => {
    if (event.submitter?.formMethod !== "dialog" && !field.value.trim()) event.preventDefault();
  });

  palette.addEventListener("close", () => {
    // What is answered from now on belongs to nothing that the next one asks.
    clearTimeout(timer);
    request.abort();
    field.value = "";
    show("");
  });
})();
