// Where the boxes of a graph go: in layers, with what is needed below what needs it, and few lines that cross.

/** Lays out `[{ name, needs: [name] }]`: `{ layers: [[node]], edges: [[node, …]] }`, where edges pass through nodes without a name. */
export function layout(items) {
  const names = new Set(items.map((item) => item.name));
  const needs = new Map(items.map((item) => [item.name, item.needs.filter((name) => names.has(name) && name !== item.name)]));
  const direct = new Map([...needs].map(([name, list]) => [name, list.filter((needed) => !list.some((other) => other !== needed && reaches(needs, other, needed)))]));
  const depth = depths(direct);
  const nodes = new Map([...depth].map(([name, layer]) => [name, { name, layer, above: [], below: [] }]));
  const layers = Array.from({ length: Math.max(0, ...depth.values()) + 1 }, () => []);
  for (const node of nodes.values()) layers[node.layer].push(node);
  const edges = [];
  for (const [name, list] of direct) {
    for (const needed of list) {
      const path = [nodes.get(name)];
      for (let layer = path[0].layer + 1; layer < nodes.get(needed).layer; layer += 1) {
        const bend = { name: null, layer, above: [], below: [] };
        layers[layer].push(bend);
        path.push(bend);
      }
      path.push(nodes.get(needed));
      for (let index = 1; index < path.length; index += 1) {
        path[index - 1].below.push(path[index]);
        path[index].above.push(path[index - 1]);
      }
      edges.push(path);
    }
  }
  order(layers);
  return { layers, edges };
}

function reaches(needs, from, to, seen = new Set()) {
  if (seen.has(from)) return false;
  seen.add(from);
  return needs.get(from).some((next) => next === to || reaches(needs, next, to, seen));
}

/** How far each is below the topmost that needs it. A circle, which Compose refuses, would end at the number of services. */
function depths(needs) {
  const depth = new Map([...needs.keys()].map((name) => [name, 0]));
  for (let round = 0; round < needs.size; round += 1) {
    for (const [name, list] of needs) for (const needed of list) depth.set(needed, Math.min(needs.size - 1, Math.max(depth.get(needed), depth.get(name) + 1)));
  }
  // What nobody needs stands right above what it needs.
  for (const [name, list] of needs) {
    const isNeeded = [...needs.values()].some((other) => other.includes(name));
    if (!isNeeded && list.length > 0) depth.set(name, Math.min(...list.map((needed) => depth.get(needed))) - 1);
  }
  return depth;
}

/** Puts each node near the middle of its neighbours, from above and from below in turn. */
function order(layers) {
  const place = () => layers.forEach((layer) => layer.forEach((node, index) => (node.at = index - (layer.length - 1) / 2)));
  place();
  for (let round = 0; round < 8; round += 1) {
    const [side, list] = round % 2 === 0 ? ["above", layers] : ["below", [...layers].reverse()];
    for (const layer of list) {
      for (const node of layer) node.wish = node[side].length > 0 ? node[side].reduce((sum, other) => sum + other.at, 0) / node[side].length : node.at;
      layer.sort((one, other) => one.wish - other.wish);
      layer.forEach((node, index) => (node.at = index - (layer.length - 1) / 2));
    }
  }
}
