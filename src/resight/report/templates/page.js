"use strict";

const press = (group, button) => {
  for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
};
const onButtons = (root, selector, act) => {
  for (const group of root.querySelectorAll(selector)) {
    for (const button of group.querySelectorAll("button")) {
      button.addEventListener("click", () => { press(group, button); act(group, button.dataset.value); });
    }
  }
};

// Filter buttons: an item is shown if it has the chosen value of each group. Without scripts all are shown.
for (const root of document.querySelectorAll(".filtered")) {
  const chosen = {};
  const items = [...root.querySelectorAll("[data-item]")];
  const counted = items.filter((item) => item.matches("article"));
  const count = root.querySelector("p.count[role=status]");
  const nothing = root.querySelector(".nothing");
  onButtons(root, "[data-filter]", (group, value) => {
    chosen[group.dataset.filter] = value;
    for (const item of items) {
      item.hidden = !Object.entries(chosen).every(
        ([name, wanted]) => !wanted || !(name in item.dataset) || item.dataset[name].split(" ").includes(wanted));
    }
    const shown = counted.filter((item) => !item.hidden);
    if (count) {
      const right = shown.filter((item) => item.dataset.result === "right").length;
      const tail = counted.some((item) => item.dataset.result) ? `, ${right} right at rank 1` : "";
      count.textContent = `${shown.length} of ${counted.length} ${root.dataset.noun}${tail}`;
    }
    if (nothing) nothing.hidden = shown.length > 0;
  });
}

// What the pictures of a section show: the style sheet reads the attribute.
for (const root of document.querySelectorAll(".moded")) {
  onButtons(root, "[data-mode]", (group, value) => { root.dataset[group.dataset.mode] = value; });
}

const placeTip = (tip, figure, x) => {
  const outer = figure.getBoundingClientRect();
  const left = x - outer.left;
  const onRight = left < outer.width / 2;
  tip.style.left = onRight ? `${left + 12}px` : "auto";
  tip.style.right = onRight ? "auto" : `${outer.width - left + 12}px`;
};

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
  for (const values of series) for (const [, at, text] of values) places.set(at, text);
  const near = (values, at) => values.reduce((a, b) => (Math.abs(b[1] - at) < Math.abs(a[1] - at) ? b : a));
  const hide = () => { tip.hidden = true; pointer.setAttribute("hidden", ""); };
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const at = near([...places.keys()].map((place) => [0, place]), across)[1];
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = `${xName} ${places.get(at)}`;
    tip.append(head);
    series.forEach((values, i) => {
      const found = near(values, at);
      if (Math.abs(found[1] - at) > 6) return;
      const line = document.createElement("span");
      const dot = document.createElement("i");
      dot.className = `dot c${colors[i]}`;
      line.append(dot, `${names[i]}: ${found[3]}`);
      tip.append(line);
    });
    pointer.removeAttribute("hidden");
    pointer.setAttribute("transform", `translate(${at} 0)`);
    tip.hidden = false;
    placeTip(tip, figure, (at / svg.viewBox.baseVal.width) * box.width + box.left);
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}

// The image under the pointer in a map, and the others of its identity.
for (const figure of document.querySelectorAll(".map")) {
  const svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip");
  const points = [...svg.querySelectorAll(".point")].map((element) => (
    { element, at: JSON.parse(element.dataset.at), pid: element.dataset.pid }));
  let projection = Object.keys(points[0].at)[0];
  const hide = () => {
    tip.hidden = true;
    svg.classList.remove("chosen");
    for (const { element } of points) element.classList.remove("same", "here");
  };
  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const y = (event.clientY - box.top) * scale;
    const away = (point) => Math.hypot(point.at[projection][0] - x, point.at[projection][1] - y);
    const found = points.reduce((a, b) => (away(b) < away(a) ? b : a));
    if (away(found) > 26 * scale) { hide(); return; }
    svg.classList.add("chosen");
    for (const point of points) {
      point.element.classList.toggle("same", point.pid === found.pid);
      point.element.classList.toggle("here", point === found);
    }
    const { dataset } = found.element;
    tip.replaceChildren();
    if (dataset.picture) {
      const picture = document.createElementNS(svg.namespaceURI, "svg");
      const use = document.createElementNS(svg.namespaceURI, "use");
      picture.setAttribute("viewBox", `0 0 ${dataset.size}`);
      picture.setAttribute("class", "thumb");
      picture.style.aspectRatio = dataset.size.replace(" ", " / ");
      use.setAttribute("href", `#${dataset.picture}`);
      picture.append(use);
      tip.append(picture);
    }
    const words = document.createElement("div");
    const head = document.createElement("b");
    head.textContent = dataset.pid || "no identity";
    words.append(head);
    for (const text of [dataset.camid, dataset.side]) {
      const line = document.createElement("span");
      line.textContent = text;
      words.append(line);
    }
    tip.append(words);
    tip.hidden = false;
    const outer = figure.getBoundingClientRect();
    const top = box.top - outer.top + found.at[projection][1] / scale;
    tip.style.top = `${Math.max(4, Math.min(top - 40, outer.height - tip.offsetHeight - 4))}px`;
    placeTip(tip, figure, box.left + found.at[projection][0] / scale);
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  onButtons(figure.closest(".filtered"), "[data-projection]", (group, value) => {
    hide();
    projection = value;
    for (const { element, at } of points) {
      if (at[value]) element.setAttribute("transform", `translate(${at[value][0]} ${at[value][1]})`);
    }
  });
}

// Paper shows what is folded.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
