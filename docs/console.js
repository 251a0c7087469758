// The copy button of a console block gives its commands, without the prompts and what they print.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-clipboard-target]");
  const text = button && document.querySelector(button.dataset.clipboardTarget).textContent;
  const lines = (text || "").split("\n").filter((line) => line.startsWith("$ "));
  if (lines.length) button.dataset.clipboardText = lines.map((line) => `${line.slice(2)}\n`).join("");
}, true);
