// Points by their name: one component receives the bytes, others draw them. A page has several copies of this text as
// modules, so what they share hangs on one symbol of the window.
const shelf = (globalThis[Symbol.for("npf.linked")] ??= { clouds: new Map(), waiting: new Map(), memory: new Map() });
const MOST_CLOUDS = 3;

/** The panels, colours and heights of a message of npf_engine/figures/blob.py. */
function parseMessage(bytes) {
  const { head, array } = readMessage(bytes);
  const panels = head.panels.map((told) => {
    const codes = array(told.points);
    const step = codes instanceof Uint16Array ? 1 / 65535 : 1;
    return { ...told, codes, step, count: codes.length / 2, index: null }; // an embedding has fewer points than others
  });
  const colours = head.colours.map((told) => ({
    ...told,
    values: told.values ? array(told.values) : null,
    lut: told.lut ? array(told.lut) : null,
  }));
  const { relief: told } = head;
  const relief = told ? { ...told, pixels: array(told.pixels), lut: array(told.lut) } : null;
  const byKey = new Map(panels.map((panel) => [panel.key, panel]));
  return { id: head.id, n: head.n, axes: head.axes, places: head.places, panels, colours, relief, byKey };
}

/** Take a message in; whoever waits for it is told. */
function shelve(bytes) {
  const name = headOf(bytes).id;
  let cloud = shelf.clouds.get(name);
  shelf.clouds.delete(name);
  cloud ??= parseMessage(bytes);
  shelf.clouds.set(name, cloud); // the newest is last
  while (shelf.clouds.size > MOST_CLOUDS) shelf.clouds.delete(shelf.clouds.keys().next().value);
  for (const tell of shelf.waiting.get(name) ?? []) tell(cloud);
  shelf.waiting.delete(name);
}

/** Call ``tell`` with the cloud of this name, now or when it arrives; returns a function that no longer waits. */
function whenThere(name, tell) {
  const cloud = shelf.clouds.get(name);
  if (cloud) {
    tell(cloud);
    return () => {};
  }
  const waiting = shelf.waiting.get(name) ?? new Set();
  shelf.waiting.set(name, waiting.add(tell));
  return () => waiting.delete(tell);
}

/** Coordinate k (0 or 1) of point i in the panel's units; as npf_engine/figures/blob.py restores it, digit for digit. */
function coordinate(panel, i, k) {
  const code = panel.codes[2 * i + k];
  const share = panel.step === 1 ? code : code / 65535;
  return panel.low[k] + share * (panel.high[k] - panel.low[k]);
}
