"use strict";

// Filter buttons of the rank lists. Without scripts all lists are shown.
for (const section of document.querySelectorAll("#rank-lists")) {
  const chosen = {};
  const cards = [...section.querySelectorAll(".card")];
  const apply = () => {
    let shown = 0;
    let right = 0;
    for (const card of cards) {
      const fits = Object.entries(chosen).every(([name, value]) => !value || card.dataset[name] === value);
      card.hidden = !fits;
      shown += fits;
      right += fits && card.dataset.result === "right";
    }
    section.querySelector(".count").textContent = `${shown} of ${cards.length} lists, ${right} right at rank 1`;
    section.querySelector(".nothing").hidden = shown > 0;
  };
  for (const group of section.querySelectorAll("[data-filter]")) {
    for (const button of group.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
        chosen[group.dataset.filter] = button.dataset.value;
        apply();
      });
    }
  }
}

// The values under the pointer in a chart.
for (const figure of document.querySelectorAll(".chart")) {
  const svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip");
  const pointer = figure.querySelector(".pointer");
  const series = JSON.parse(figure.dataset.values);
  const names = JSON.parse(figure.dataset.names);
  const colors = JSON.parse(figure.dataset.colors);
  const xName = JSON.parse(figure.dataset.x);
  const places = new Map();
  for (const values of series) for (const [x, at] of values) places.set(x, at);
  const hide = () => { tip.hidden = true; pointer.setAttribute("hidden", ""); };
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const [x, at] = [...places].reduce((a, b) => (Math.abs(b[1] - across) < Math.abs(a[1] - across) ? b : a));
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = `${xName} ${x}`;
    tip.append(head);
    series.forEach((values, i) => {
      const found = values.find((value) => value[0] === x);
      if (!found) return;
      const line = document.createElement("span");
      const dot = document.createElement("i");
      dot.className = `dot c${colors[i]}`;
      line.append(dot, `${names[i]}: ${found[4]}`);
      tip.append(line);
    });
    pointer.removeAttribute("hidden");
    pointer.setAttribute("transform", `translate(${at} 0)`);
    tip.hidden = false;
    const outer = figure.getBoundingClientRect();
    const left = (at / svg.viewBox.baseVal.width) * box.width + box.left - outer.left;
    const onRight = left < outer.width / 2;
    tip.style.left = onRight ? `${left + 10}px` : "auto";
    tip.style.right = onRight ? "auto" : `${outer.width - left + 10}px`;
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}

// Paper shows what is folded.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
