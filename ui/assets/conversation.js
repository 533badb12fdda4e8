// The conversation: clicks become events for the server; folding, copying and scrolling stay in the browser.
const scroller = element.closest("#conversation") || element;
const folded = new Map(); // which of the foldable parts the reader has opened, by data-keep

function lastTurn() {
  const turns = element.querySelectorAll(".turn");
  return turns[turns.length - 1];
}

function showLast() {
  const turn = lastTurn();
  if (!turn) return;
  if (scroller.scrollHeight > scroller.clientHeight) {
    const top = turn.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    scroller.scrollTop += top - 8;
  }
}

function markOpen(turn, n) {
  element.querySelectorAll(".cite[aria-current]").forEach((b) => b.removeAttribute("aria-current"));
  element
    .querySelectorAll(`.cite[data-turn="${turn}"][data-n="${n}"]`)
    .forEach((b) => b.setAttribute("aria-current", "true"));
}
window.pinciteMarkOpen = markOpen;

async function copy(button) {
  const turn = button.closest(".turn");
  const words = turn.querySelector(".answer-words").textContent;
  const where = turn.querySelector(".source-name").textContent + ", " + turn.querySelector(".where").textContent;
  const text = `“${words}” (${where})`;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); // no clipboard without https on a host other than this one
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
}

function sendRemark(turn) {
  const field = element.querySelector(`#remark-${turn}`);
  if (field && field.value.trim()) trigger("note", { act: "remark", turn, remark: field.value });
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const act = button.dataset.act;
  const turn = Number(button.dataset.turn);
  if (act === "cite") {
    const n = Number(button.dataset.n);
    markOpen(turn, n);
    document.querySelector("#chat-row").classList.add("source-open");
    trigger("cite", { turn, n });
  } else if (act === "copy") copy(button);
  else if (act === "example") trigger("again", { act, question: button.dataset.question });
  else if (act === "as-typed" || act === "retry") trigger("again", { act, turn });
  else if (act === "edit") trigger("edit", { turn });
  else if (act === "remark") sendRemark(turn);
  else trigger("note", { act, turn });
});

element.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches(".remark-text")) {
    sendRemark(Number(event.target.closest(".turn").dataset.turn));
  }
});

element.addEventListener(
  "toggle",
  (event) => {
    const key = event.target.dataset && event.target.dataset.keep;
    if (key) folded.set(key, event.target.open);
  },
  true,
);

let shown = "";
watch("value", () => {
  element.querySelectorAll("details[data-keep]").forEach((part) => {
    if (folded.get(part.dataset.keep)) part.open = true;
  });
  const turn = lastTurn();
  const state = turn ? `${turn.dataset.turn} ${turn.querySelector(".stage") ? "waiting" : "done"}` : "";
  if (state !== shown) showLast();
  shown = state;
});

function nameSendButton() {
  // Gradio draws the button without a name, and perhaps after this component
  const send = document.querySelector("#question .submit-button");
  if (send) send.setAttribute("aria-label", "Ask");
  else setTimeout(nameSendButton, 100);
}
nameSendButton();
