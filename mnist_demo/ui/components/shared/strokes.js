// Strokes, lists of points [x, y] in pad units: as icons, and lists of them in the browser's storage.
function isStroke(stroke) {
  return stroke.length > 0 && stroke.every((point) => point.length === 2 && point.every(Number.isFinite));
}

function makeIcon(parent, strokes, viewBox) {
  const icon = makeShape('svg', parent, { viewBox, class: 'icon' });
  makeShape('path', icon, { d: strokes.map((stroke) => `M${[stroke[0], ...stroke].join('L')}`).join('') }); // a point is a dot
  return icon;
}

// Return the stored items that are valid. A frame in another site may not use the storage, and others write to it too.
function loadList(storage, key, isValid) {
  try {
    return (JSON.parse(window[storage].getItem(key)) ?? []).filter(isValid);
  } catch {
    return [];
  }
}

// Return whether the browser has stored the list.
function storeList(storage, key, list) {
  try {
    window[storage].setItem(key, JSON.stringify(list));
    return true;
  } catch {
    return false;
  }
}
