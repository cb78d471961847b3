// The slider over the score: one level's images at a time. Without scripts all levels are shown.
for (const root of document.querySelectorAll(".levels")) {
  const slider = root.querySelector("input");
  const words = root.querySelector(".level-text");
  const bars = [...root.querySelectorAll("[data-bar]")];
  const levels = [...root.querySelectorAll("[data-level]")];
  const show = () => {
    const chosen = Number(slider.value);
    levels.forEach((level, i) => { level.hidden = i !== chosen; });
    bars.forEach((bar, i) => { bar.toggleAttribute("data-chosen", i === chosen); });
    words.textContent = levels[chosen].dataset.text;
    slider.setAttribute("aria-valuetext", words.textContent);
  };
  for (const head of root.querySelectorAll(".level-head")) head.hidden = true;
  slider.hidden = false;
  slider.addEventListener("input", show);
  bars.forEach((bar, i) => bar.addEventListener("click", () => { slider.value = i; show(); }));
  show();
}
