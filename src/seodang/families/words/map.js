// The map of words: points on a canvas, in two or three dimensions; drag to move or turn, wheel to come nearer, type to find.
(function () {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const canvas = document.getElementById("word-map"), pen = canvas.getContext("2d");
  const choice = document.getElementById("map-kind"), search = document.getElementById("map-search");
  const found = document.getElementById("map-found");
  const state = { zoom: 1, x: 0, y: 0, turn: 0.5, tilt: 0.3, picked: -1, places: [] };
  Object.keys(data.layouts).forEach((name) => choice.add(new Option(name, name)));

  function project(point, deep) {
    if (!deep) return [point[0], point[1], 0];
    const a = Math.cos(state.turn), b = Math.sin(state.turn), c = Math.cos(state.tilt), d = Math.sin(state.tilt);
    const x = a * point[0] + b * point[2], z = -b * point[0] + a * point[2];
    return [x, c * point[1] - d * z, d * point[1] + c * z];
  }

  function draw() {
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio; canvas.height = height * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const layout = data.layouts[choice.value], deep = layout[0].length === 3, size = Math.min(width, height) * 0.45 * state.zoom;
    const ink = getComputedStyle(canvas).color;
    state.places = layout.map((point) => {
      const [x, y, z] = project(point, deep);
      return [width / 2 + (x + state.x) * size, height / 2 - (y + state.y) * size, z];
    });
    pen.fillStyle = "#0072B2";
    state.places.forEach(([x, y, z]) => {
      pen.globalAlpha = deep ? 0.35 + 0.25 * (z + 1) : 0.6;
      pen.fillRect(x - 1.5, y - 1.5, 3, 3);
    });
    label(width, height, ink);
    if (state.picked >= 0) mark(state.picked, ink);
  }

  // Names of frequent words where there is room: a grid of cells, one name in each.
  function label(width, height, ink) {
    const taken = new Set();
    pen.globalAlpha = 1; pen.fillStyle = ink; pen.font = "11px sans-serif";
    for (let k = 0; k < Math.min(state.places.length, layoutSize()); k++) {
      const [x, y] = state.places[k];
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const cell = Math.floor(x / 80) + ":" + Math.floor(y / 18);
      if (taken.has(cell)) continue;
      taken.add(cell);
      pen.fillText(data.words[k], x + 3, y - 3);
    }
  }

  function layoutSize() { return data.layouts[choice.value].length; }

  function mark(k, ink) {
    if (k >= state.places.length) { found.textContent = data.words[k] + " is not on this map"; return; }
    const near = (data.near[k] || []).filter((n) => n < state.places.length);
    pen.globalAlpha = 1; pen.strokeStyle = "#D55E00";
    near.forEach((n) => {
      pen.beginPath(); pen.moveTo(state.places[k][0], state.places[k][1]); pen.lineTo(state.places[n][0], state.places[n][1]); pen.stroke();
    });
    pen.font = "bold 13px sans-serif"; pen.fillStyle = "#D55E00";
    [k, ...near].forEach((n) => {
      pen.beginPath(); pen.arc(state.places[n][0], state.places[n][1], 4, 0, 7); pen.fill();
      pen.fillText(data.words[n], state.places[n][0] + 6, state.places[n][1] - 5);
    });
    found.textContent = data.words[k] + ": " + (data.near[k] || []).map((n) => data.words[n]).join(", ");
  }

  function nearest(event) {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, least = 100;
    state.places.forEach((place, k) => {
      const distance = (place[0] - x) ** 2 + (place[1] - y) ** 2;
      if (distance < least) { least = distance; best = k; }
    });
    return best;
  }

  let held = null;
  canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY, false]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const dx = event.clientX - held[0], dy = event.clientY - held[1];
    if (Math.abs(dx) + Math.abs(dy) < 3 && !held[2]) return;
    held = [event.clientX, event.clientY, true];
    if (data.layouts[choice.value][0].length === 3) { state.turn += dx / 150; state.tilt += dy / 150; } else {
      const size = Math.min(canvas.clientWidth, canvas.clientHeight) * 0.45 * state.zoom;
      state.x += dx / size; state.y -= dy / size;
    }
    draw();
  });
  canvas.addEventListener("pointerup", (event) => { if (held && !held[2]) { state.picked = nearest(event); draw(); } held = null; });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); state.zoom *= Math.exp(-event.deltaY / 500); draw(); }, { passive: false });
  choice.addEventListener("change", () => { state.zoom = 1; state.x = state.y = 0; draw(); });
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    let k = data.words.indexOf(wanted);
    if (k < 0) k = data.words.findIndex((word) => word.startsWith(wanted));
    state.picked = wanted ? k : -1;
    found.textContent = wanted && k < 0 ? "no word on the map begins like this" : "";
    if (k >= 0 && k < state.places.length && data.layouts[choice.value][0].length === 2) {
      state.x = -data.layouts[choice.value][k][0]; state.y = -data.layouts[choice.value][k][1]; state.zoom = Math.max(state.zoom, 3);
    }
    draw();
  });
  window.addEventListener("resize", draw);
  draw();
})();
