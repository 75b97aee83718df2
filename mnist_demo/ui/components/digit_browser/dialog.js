// The dialog for one digit.
async function openDigit(row) {
  if (isDigitPending) return; // a held arrow key moves on with each response
  isDigitPending = true;
  const wasOpen = dialog.open;
  const digit = await request('digit', 'digit', { ...query, row: String(row) });
  isDigitPending = false;
  if (!digit || !isVisible() || (wasOpen && !dialog.open)) return; // the user has gone on
  query.row = String(digit.row);
  if (digit.page !== null) query.page = String(digit.page);
  const isInAddress = new URLSearchParams(location.search).get('row') === query.row;
  updateAddress({ isNew: !dialog.open && !isInAddress, opensDigit: true });
  showDigit(digit);
  if (!dialog.open) dialog.showModal();
}

function showDigit({ row, prediction, label, percentages, image, models, previous, next }) {
  seenRow = row;
  const title = find('#digit-title');
  title.className = getCorrectness(prediction, label);
  setText(title, `Digit ${formatCount(row)}: correct digit ${label}, prediction ${prediction} ${prediction === label ? '✓' : '✗'}`);
  showPixels(decodePixels(image), label);
  showBars(find('.bars'), percentages.map((percentage) => [percentage, `${percentage.toFixed(1)}%`]));
  showModels(find('.models'), models, (vote) => (vote === String(label) ? '' : 'incorrect'));
  Object.assign(find('.previous-digit'), { disabled: previous === null, onclick: () => openDigit(previous) });
  Object.assign(find('.next-digit'), { disabled: next === null, onclick: () => openDigit(next) });
}

function showPixels(bytes, label) {
  const pixels = find('.pixels');
  pixels.ariaLabel = `The 28 by 28 pixels of a ${label}: 0 is paper, 255 is ink`;
  setChildCount(pixels, bytes.length, () => make('span', pixels)).forEach((cell, i) => {
    const value = bytes[i];
    setText(cell, value);
    // Black and white text have the same contrast at 148 in the light theme and at 103 in the dark one.
    cell.className = value > 148 ? 'inked half-inked' : value > 103 ? 'half-inked' : '';
    cell.style.setProperty('--ink', `${(value / 2.55).toFixed(0)}%`);
  });
}

// The user has closed the dialog, or Back has: then the query no longer has its row.
async function leaveDigit() {
  requestNumbers.digit += 1;
  const isClosedByUser = Boolean(query.row);
  query.row = '';
  if (isClosedByUser && query.page !== String(grid.page)) {
    updateAddress();
    await refresh();
  } else if (isClosedByUser && history.state?.opensDigit) history.back();
  else updateAddress();
  getWallCells()[Math.max(0, grid.rows.indexOf(seenRow))]?.focus();
}
