// The keyboard: Ctrl-K everywhere, single keys outside fields unless they are turned off.
(() => {
  "use strict";

  const { openDialog, remember, recall } = window.dashboard;
  const places = { o: "/", r: "/registries/", j: "/runs/" };
  const setting = document.querySelector("[data-single-keys]");
  let selected = null;
  let going = false;

  if (setting) {
    setting.checked = recall("single-keys") !== "off";
    setting.addEventListener("change", () => {
      remember("single-keys", setting.checked ? "on" : "off");
      mayUseKeys = setting.checked;
    });
  }
  let mayUseKeys = setting?.checked ?? true;

  const isTyping = (element) =>
    element.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

  const rows = () =>
    [...document.querySelectorAll("main :is(.table > tbody > tr, .list > li)")].filter(
      (row) => row.offsetParent !== null && row.querySelector("a[href]"),
    );

  /** Move the focus to the first link of the next row; the row shows that it is the current one. */
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(selected);
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    selected?.classList.remove("current");
    selected = next;
    selected.classList.add("current");
    selected.querySelector("a[href]:not(.expander)")?.focus();
    selected.scrollIntoView({ block: "nearest" });
  };

  const single = {
    "/": () => document.querySelector("[data-filter]") ?? document.querySelector("[data-jump]"),
    "?": () => openDialog("keyboard"),
    j: () => move(1),
    k: () => move(-1),
    g: () => {
      going = true;
      setTimeout(() => (going = false), 1000);
    },
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      if (openDialog("palette")) event.preventDefault();
      return;
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!plain || !mayUseKeys || isTyping(event.target) || document.querySelector("dialog[open]")) {
      return;
    }
    if (going && places[event.key]) {
      location.assign(places[event.key]);
      return;
    }
    if (!single[event.key]) return;
    event.preventDefault();
    const field = single[event.key]();
    if (field instanceof HTMLInputElement) {
      field.focus();
      field.select();
    }
  });
})();
