// The source panel: scrolls to the cited words, steps through citations, counts a selection in code points.
const inChat = element.closest("#source") !== null;
let selection = null;

function body() {
  return element.querySelector(".source-body");
}

function showFocus() {
  const pane = body();
  if (!pane) return;
  const text = pane.querySelector(".doc");
  const focus = pane.querySelector(`mark[data-o="${text.dataset.focus}"]`) || pane.querySelector("mark");
  if (!focus) {
    pane.scrollTop = 0;
    return;
  }
  const top = focus.getBoundingClientRect().top - pane.getBoundingClientRect().top;
  pane.scrollTop += top - pane.clientHeight / 3;
}

function endOf(run) {
  return Number(run.dataset.o) + Array.from(run.textContent).length;
}

function offsetOf(node, units) {
  // A document offset from a place in the page: every run of text carries its own offset in code points.
  if (node.nodeType === Node.TEXT_NODE) {
    const run = node.parentElement.closest("[data-o]");
    return run ? Number(run.dataset.o) + Array.from(node.data.slice(0, units)).length : null;
  }
  // between elements: where the next run of text begins, else where the last one before it ends
  for (let next = node.childNodes[units]; next; next = next.nextSibling) {
    const holder = next.nodeType === Node.TEXT_NODE ? next.parentElement : next;
    const run = holder.closest("[data-o]") || holder.querySelector("[data-o]");
    if (run) return Number(run.dataset.o);
  }
  const inside = node.closest("[data-o]");
  const runs = inside ? [inside] : node.querySelectorAll("[data-o]");
  return runs.length ? endOf(runs[runs.length - 1]) : null;
}

function readSelection() {
  const bar = element.querySelector(".selection-bar");
  if (!bar) return;
  const chosen = window.getSelection();
  const range = chosen.rangeCount ? chosen.getRangeAt(0) : null;
  const inside = range && !range.collapsed && body() && body().contains(range.commonAncestorContainer);
  const start = inside ? offsetOf(range.startContainer, range.startOffset) : null;
  const end = inside ? offsetOf(range.endContainer, range.endOffset) : null;
  selection = start !== null && end !== null && start < end ? { start, end } : null;
  const words = chosen.toString().trim();
  bar.querySelector(".selected-words").textContent = words.length > 60 ? words.slice(0, 60) + "…" : words;
  bar.classList.toggle("shown", inChat && selection !== null);
}

function closeSource() {
  document.querySelector("#chat-row").classList.remove("source-open");
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const act = button.dataset.act;
  if (act === "close") closeSource();
  else if (act === "step") trigger("step", { by: Number(button.dataset.by) });
  else if (act === "window") trigger("window", { from: Number(button.dataset.from) });
  else if (act === "use-selection" && selection) trigger("select", selection);
});

element.addEventListener("mousedown", (event) => {
  if (event.target.closest("[data-act=use-selection]")) event.preventDefault(); // keep the selection
});

element.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSource();
  else if (event.key === "ArrowLeft" && !event.altKey) trigger("step", { by: -1 });
  else if (event.key === "ArrowRight" && !event.altKey) trigger("step", { by: 1 });
});

document.addEventListener("selectionchange", readSelection);
watch("value", () => {
  showFocus();
  readSelection();
  const place = element.querySelector("[data-open-turn]");
  if (inChat && place && window.pinciteMarkOpen) {
    window.pinciteMarkOpen(place.dataset.openTurn, place.dataset.openN);
  }
});
