// Tab stops at one of many cells; arrow keys move between them. Hidden cells are skipped.
function addArrowKeys(parent, getCells, getColumns) {
  parent.addEventListener('keydown', (event) => {
    const columns = getColumns();
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const cells = getCells();
    let index = cells.indexOf(event.target);
    if (!step || index < 0) return;
    event.preventDefault();
    do index += step; while (cells[index]?.hidden);
    cells[index]?.focus();
  });
  parent.addEventListener('focusin', ({ target }) => {
    for (const cell of getCells()) cell.tabIndex = cell === target ? 0 : -1;
  });
}

function keepTabStop(cells) {
  if (cells.some((cell) => cell.tabIndex === 0 && !cell.hidden)) return;
  for (const cell of cells) cell.tabIndex = -1;
  const first = cells.find((cell) => !cell.hidden);
  if (first) first.tabIndex = 0;
}
