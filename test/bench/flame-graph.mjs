// A flame graph as one page without anything from elsewhere: width is the share of samples, callers are
// below. A click on a frame shows it alone, a text marks what contains it.

// `perf script -F comm,ip,sym` as stacks, outermost first, joined by `;`, with how often each was seen.
export function foldStacks(text) {
  const stacks = new Map();
  for (const sample of text.split('\n\n')) {
    const [comm, ...lines] = sample.split('\n').filter((line) => line.trim() !== '');
    if (comm === undefined) continue;
    const frames = lines.map((line) => {
      const [, symbol] = /^\s*[0-9a-f]+ (.*)$/.exec(line) ?? [];
      return (symbol ?? '[unknown]').replaceAll(';', ':').replace(/\+0x[0-9a-f]+$/, '');
    });
    const stack = [comm.trim(), ...frames.reverse()].join(';');
    stacks.set(stack, (stacks.get(stack) ?? 0) + 1);
  }
  return stacks;
}

function tree(stacks) {
  const root = { name: 'all', count: 0, children: new Map() };
  for (const [stack, count] of stacks) {
    root.count += count;
    let node = root;
    for (const name of stack.split(';')) {
      if (!node.children.has(name)) node.children.set(name, { name, count: 0, children: new Map() });
      node = node.children.get(name);
      node.count += count;
    }
  }
  return root;
}

// Less than this share of all cannot be seen.
const SMALLEST = 1 / 5_000;

function boxes(root) {
  const found = [];
  const visit = (node, start, depth) => {
    found.push({ name: node.name, start, count: node.count, depth });
    let at = start;
    for (const child of [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (child.count >= root.count * SMALLEST) visit(child, at, depth + 1);
      at += child.count;
    }
  };
  visit(root, 0, 0);
  return found;
}

const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

// The same name has the same colour; what is the kernel's is blue, as its names are in C's letters.
function colour(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 997;
  const kernel = /^[a-z_0-9.]+$/.test(name) && !name.includes('nghttp2');
  return `hsl(${kernel ? 200 + (hash % 30) : 15 + (hash % 40)} 80% ${62 + (hash % 14)}%)`;
}

const ROW = 17;

export function flameGraph(title, stacks) {
  const root = tree(stacks);
  const all = boxes(root);
  const deepest = Math.max(...all.map(({ depth }) => depth));
  const frames = all
    .map(({ name, start, count, depth }) => {
      const share = ((100 * count) / root.count).toFixed(2);
      return (
        `<g data-s="${start}" data-c="${count}" data-d="${depth}"><title>${escape(name)}: ${count} samples, ${share} %</title>` +
        `<rect y="${(deepest - depth) * ROW}" height="${ROW - 1}" fill="${colour(name)}"/>` +
        `<text y="${(deepest - depth) * ROW + 12}">${escape(name)}</text></g>`
      );
    })
    .join('\n');
  return `<!doctype html>
<meta charset="utf-8"><title>${escape(title)}</title>
<style>
  body { font: 13px sans-serif; margin: 1em }
  svg { width: 100%; height: ${(deepest + 1) * ROW}px; font: 11px monospace }
  g { cursor: pointer } text { pointer-events: none }
  .marked rect { stroke: #000; stroke-width: 2 } .beside { opacity: .35 }
</style>
<h1>${escape(title)}</h1>
<p><input id="find" placeholder="mark…" size="40"> <span id="found"></span></p>
<svg>
${frames}
</svg>
<script>
const svg = document.querySelector('svg');
const frames = [...svg.querySelectorAll('g')].map((g) => ({
  g, start: +g.dataset.s, count: +g.dataset.c, depth: +g.dataset.d,
  rect: g.querySelector('rect'), text: g.querySelector('text'), name: g.querySelector('text').textContent,
}));
let shown = frames[0];
function draw() {
  const width = svg.clientWidth, scale = width / shown.count;
  for (const { g, start, count, depth, rect, text, name } of frames) {
    // What the shown one stands on fills the width.
    const under = depth < shown.depth && start <= shown.start && start + count >= shown.start + shown.count;
    const x = under ? 0 : (start - shown.start) * scale, w = under ? width : count * scale;
    const inside = under || (depth >= shown.depth && x >= -0.01 && x + w <= width + 0.01 && w >= 0.3);
    g.style.display = inside ? '' : 'none';
    g.classList.toggle('beside', under);
    rect.setAttribute('x', x); rect.setAttribute('width', Math.max(w - 0.5, 0.3));
    text.setAttribute('x', x + 3);
    const letters = Math.floor((w - 6) / 6.7);
    text.textContent = letters < 3 ? '' : name.length <= letters ? name : name.slice(0, letters - 1) + '…';
  }
}
for (const frame of frames) frame.g.onclick = () => { shown = frame; draw(); };
onresize = draw;
document.querySelector('#find').oninput = ({ target: { value } }) => {
  let marked = 0, end = -1;
  for (const frame of frames) {
    const hit = value !== '' && frame.name.includes(value);
    frame.g.classList.toggle('marked', hit);
    // Frames inside of marked ones count once: they come in the order of their start.
    if (hit && frame.start >= end) { marked += frame.count; end = frame.start + frame.count; }
  }
  document.querySelector('#found').textContent =
    value === '' ? '' : (100 * marked / frames[0].count).toFixed(1) + ' % of samples';
};
draw();
</script>
`;
}
