// What every page gains from scripts. Nothing here is needed: each control is also a link or a form.
(() => {
  "use strict";

  const live = document.getElementById("live");

  /** Say a sentence to screen readers, again too if it is the same as before. */
  const announce = (sentence) => {
    live.textContent = "";
    setTimeout(() => (live.textContent = sentence), 50);
  };

  // -- Copying

  /** Copy through a selection, where the clipboard API is missing: on plain http. */
  const copyBySelection = (text) => {
    const area = document.createElement("textarea");
    const focused = document.activeElement;
    area.value = text;
    area.readOnly = true;
    area.className = "spoken";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
    return copied;
  };

  const copyText = async (text) => {
    if (!navigator.clipboard) return copyBySelection(text);
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyBySelection(text); // The page has no permission; the old way may still do.
    }
  };

  const copyFrom = async (button) => {
    const text =
      button.dataset.copy ?? button.parentElement.querySelector("[data-whole]").dataset.whole;
    if (!(await copyText(text))) {
      announce("Copying failed");
      return;
    }
    announce("Copied");
    const use = button.querySelector("use");
    const icon = use.getAttribute("href");
    if (button.dataset.copied === undefined) {
      button.dataset.copied = "";
      use.setAttribute("href", icon.replace(/#.*/, "#check"));
      setTimeout(() => {
        delete button.dataset.copied;
        use.setAttribute("href", icon);
      }, 1500);
    }
  };

  // -- Theme and times: the server keeps the choice

  const post = (form, button) =>
    fetch(form.action, {
      method: "POST",
      body: new FormData(form, button),
      redirect: "manual",
      credentials: "same-origin",
    });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-theme-form]")) {
      event.preventDefault();
      document.documentElement.dataset.theme = event.submitter.value;
      for (const each of form.querySelectorAll("[aria-pressed]")) {
        each.setAttribute("aria-pressed", String(each === event.submitter));
      }
      form.closest("details").open = false;
      post(form, event.submitter).catch(() => announce("The theme could not be saved"));
    } else if (form.matches("[data-reload-form]")) {
      event.preventDefault();
      post(form, event.submitter).then(
        () => location.reload(),
        () => announce("The choice could not be saved"),
      );
    }
  });

  // -- Clicks

  const openDialog = (id) => {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
    return dialog;
  };

  const toggleRows = (expander) => {
    const rows = document.getElementById(expander.getAttribute("aria-controls"));
    if (!rows) return false;
    rows.hidden = !rows.hidden;
    expander.setAttribute("aria-expanded", String(!rows.hidden));
    return true;
  };

  document.addEventListener("click", (event) => {
    const target = event.target;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
    if (target.matches("dialog")) target.close(); // Only its backdrop is outside its content.
    const control = target.closest(".copy, .expander, [data-open], [data-dismiss]");
    if (!control || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (control.matches("button.copy")) copyFrom(control);
    else if (control.matches(".expander")) {
      if (toggleRows(control)) event.preventDefault();
    } else if (control.matches("[data-open]")) {
      if (openDialog(control.dataset.open)) event.preventDefault();
    } else if (control.matches("[data-dismiss]")) control.closest("[data-toast]").remove();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    if (event.key === " " && event.target.matches(".expander")) {
      event.preventDefault();
      event.target.click();
    }
  });

  // -- Pull box: the choice of last time

  const remember = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      return; // Storage is turned off: the choice holds for this page.
    }
  };

  const recall = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };

  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-pull]");
    if (box) remember(event.target.name, event.target.value);
  });

  // -- What a page or a swapped region needs once

  const toastLife = 8000;

  const retire = (toast) => {
    setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) retire(toast);
      else toast.remove();
    }, toastLife);
  };

  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  const prepare = (root) => {
    for (const radio of root.querySelectorAll("[data-pull] input")) {
      if (recall(radio.name) === radio.value) radio.checked = true;
    }
    for (const time of root.querySelectorAll("time[title]:not([data-local])")) {
      time.dataset.local = "";
      time.title = `${time.title}\n${local.format(new Date(time.dateTime))}`;
    }
    // Tabs and segments that do not fit scroll; the current one is seen.
    for (const current of root.querySelectorAll(":is(.tabs, .segments) [aria-current]")) {
      const row = current.closest(".tabs, .segments");
      const beyond = current.getBoundingClientRect().right - row.getBoundingClientRect().right;
      if (beyond > 0) row.scrollLeft += beyond;
    }
    for (const toast of root.querySelectorAll("[data-toast]:not([data-seen])")) {
      toast.dataset.seen = "";
      retire(toast);
    }
  };

  const said = new Map();

  /** Progress speaks at each ten percent, not with every poll. */
  const announceProgress = (root) => {
    for (const each of root.querySelectorAll("[data-announce]")) {
      const sentence = each.dataset.announce;
      const subject = sentence.replace(/:.*/, "");
      if (said.has(subject) && said.get(subject) !== sentence) announce(sentence);
      said.set(subject, sentence);
    }
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    prepare(document);
    announceProgress(event.target.parentElement ?? document);
  });

  // -- Focus: polling swaps a region under the reader's hands; a link in it keeps the focus

  let focusedLink = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const link = document.activeElement;
    const goes = link?.matches("a[href]:not([id])") && event.detail.target.contains(link);
    focusedLink = goes ? `a[href="${CSS.escape(link.getAttribute("href"))}"]` : null;
  });

  document.addEventListener("htmx:afterSwap", () => {
    if (focusedLink && document.activeElement === document.body) {
      document.querySelector(focusedLink)?.focus({ preventScroll: true });
    }
  });

  document.addEventListener("htmx:sendError", () => announce("The server did not answer"));

  prepare(document);
  announceProgress(document);

  window.dashboard = { announce, openDialog, remember, recall };
})();
