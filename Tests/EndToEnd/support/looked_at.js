// What a person would see at a glance, measured: run in the page, it returns a list of what is wrong.
(() => {
  const wrong = [];
  const width = document.documentElement.clientWidth;
  const isShown = element => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen, .skip");

  // Each piece of text with its rectangles, as they are painted.
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(parent.tagName) || !isShown(parent)) continue;
    if (parent.closest("thead") && getComputedStyle(parent.closest("thead")).position === "absolute") continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 1) texts.push({ node, parent, box });
  }

  for (const { node, box } of texts)
    if (box.left < -0.5 || box.right > width + 0.5) wrong.push(`outside the window: ${node.data.trim()}`);
  for (const { node, parent, box } of texts) {
    const card = parent.closest(".card")?.getBoundingClientRect();
    if (card && (box.left < card.left || box.right > card.right + 0.5 || box.bottom > card.bottom + 1))
      wrong.push(`outside its card: ${node.data.trim()}`);
  }

  // Sorted from the top, so that only what is near is compared.
  texts.sort((a, b) => a.box.top - b.box.top);
  texts.forEach((one, index) => {
    for (let next = index + 1; next < texts.length && texts[next].box.top < one.box.bottom - 3; next++) {
      const other = texts[next];
      if (other.node === one.node) continue;
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      if (across > 1 && down > 5) wrong.push(`on one another: ${one.node.data.trim()} | ${other.node.data.trim()}`);
    }
  });
  const cards = [...document.querySelectorAll(".card")].filter(isShown).map(card => [card, card.getBoundingClientRect()]);
  for (const [first, a] of cards)
    for (const [second, b] of cards)
      if (first !== second && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        wrong.push(`cards on one another: ${first.id} ${second.id}`);

  // WCAG 2.2, 1.4.3: the contrast of text.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = text => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([red, green, blue]) => {
    const linear = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const found = colour(getComputedStyle(each).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const judged = new Map();
  for (const { parent, node } of texts) {
    if (judged.has(parent)) continue;
    const [a, b] = [light(colour(getComputedStyle(parent).color)), light(ground(parent))];
    judged.set(parent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    if (judged.get(parent) < 4.5) wrong.push(`contrast ${judged.get(parent).toFixed(2)}: ${node.data.trim()}`);
  }

  // For those who hear it.
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  let level = 1;
  for (const heading of [...document.querySelectorAll("h1, h2, h3, h4")].filter(isShown)) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) wrong.push(`a heading is skipped before ${heading.textContent}`);
    level = next;
  }
  for (const table of document.querySelectorAll("table"))
    if (table.querySelectorAll("thead th[scope=col]").length !== 5 || table.querySelector("tbody tr > :first-child:not(th[scope=row])"))
      wrong.push("a table without its headings");
  for (const picture of document.querySelectorAll("svg"))
    if (picture.getAttribute("role") !== "img" || !picture.getAttribute("aria-label")) wrong.push("a picture without words");
  for (const button of [...document.querySelectorAll("button")].filter(isShown))
    if (button.getBoundingClientRect().height < 24) wrong.push("a button that no finger finds");
  return [...new Set(wrong)];
})()
