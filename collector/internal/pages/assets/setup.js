// Set-up: waits for the first call.
"use strict";
{
  const hw = window.headwater;
  const box = document.getElementById("arrival");
  const arrived = (event) => {
    const rows = new DOMParser().parseFromString("<ul>" + event.data + "</ul>", "text/html");
    const newest = rows.querySelector("li");
    if (!newest) return;
    hw.dress(rows.body);
    box.querySelector(".arrival-calls").replaceChildren(document.adoptNode(newest));
    box.querySelector(".arrival-title").textContent = "Received";
    box.querySelector(".arrival-text").textContent = "The latest call:";
    box.classList.add("has-arrived");
  };
  hw.stream(() => box.dataset.stream, { calls: arrived });
}
