// Settings: the write key on request, and no deletion by a slip.
"use strict";
{
  const hw = window.headwater;
  const $ = (selector) => document.querySelector(selector);
  const shown = $("#write-key"), show = $("#show-key"), copy = $("#copy-key");
  const masked = shown.textContent;

  const fetchKey = async () => {
    const answer = await fetch(shown.dataset.from);
    if (!answer.ok) throw new Error("status " + answer.status);
    return answer.text();
  };
  show.setAttribute("role", "button");
  show.addEventListener("click", async (event) => {
    event.preventDefault();
    if (show.textContent === "Hide") {
      shown.textContent = masked;
      show.textContent = "Show";
      return;
    }
    try {
      shown.textContent = await fetchKey();
      show.textContent = "Hide";
    } catch {
      hw.say("The key could not be fetched.");
    }
  });
  show.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    show.click();
  });
  copy.hidden = false;
  copy.addEventListener("click", async () => hw.copy(await fetchKey(), copy));

  const typed = $("#delete-name");
  const button = typed.form.querySelector("button");
  const check = () => { button.disabled = typed.value.trim() !== typed.dataset.must; };
  typed.addEventListener("input", check);
  check();
}
