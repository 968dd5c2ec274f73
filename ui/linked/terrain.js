// The relief under rho: heights in their colours, lit from the north-west. Of the points there a few are drawn over it, or
// those that are selected: all of them would hide it.

/** The picture of a cloud's relief, made once; null where it has none. */
function reliefOf(cloud) {
  const told = cloud.relief;
  if (told && !told.canvas) {
    told.canvas = made("canvas", { width: String(told.width), height: String(told.height) });
    const pixels = new Uint8ClampedArray(told.pixels.buffer);
    told.canvas.getContext("2d").putImageData(new ImageData(pixels, told.width, told.height), 0, 0);
  }
  return told ?? null;
}

/** The relief where it lies, within the frame of its panel. */
function drawRelief(view, context, frame) {
  const relief = reliefOf(view.cloud);
  if (!relief) return;
  const [left, top] = frame.px(relief.west, relief.north), [right, bottom] = frame.px(relief.east, relief.south);
  context.save();
  context.beginPath();
  context.rect(frame.rect.x, frame.rect.y, frame.rect.w, frame.rect.h);
  context.clip();
  context.imageSmoothingEnabled = true;
  context.globalAlpha = view.selection ? 0.6 : 1; // points are to be seen over it
  context.drawImage(relief.canvas, left, top, right - left, bottom - top);
  context.restore();
}

/** The button that lays the relief under rho, or none where there is no relief. */
function terrainButton(view) {
  if (!view.cloud.relief) return [];
  const help = `Heights under ρ, lit from the north-west; over them ${FEW.toLocaleString("en")} of its points, or those selected`;
  const button = action("Terrain", help, () => {
    shelf.memory.set("terrain", !view.terrain);
    button.setAttribute("aria-pressed", String(view.terrain));
    showLegend(view);
    view.picture.repaint();
  });
  button.setAttribute("aria-pressed", String(view.terrain));
  return [button];
}
