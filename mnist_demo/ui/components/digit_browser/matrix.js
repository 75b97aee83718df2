// The confusion matrix: each count and heading selects its digits.
const MATRIX_COLUMNS = 11; // with the heading
const formatPercentage = (count, total) => `${(total ? (100 * count) / total : 0).toFixed(1)}%`;
const sum = (counts) => counts.reduce((total, count) => total + count, 0);
const getMatrixCells = () => matrix.cells.map(({ button }) => button);

// Create the matrix once: the focus stays on a cell while its count changes.
function createMatrix() {
  const table = find('.confusion');
  const cells = []; // in reading order, headings included; the corner is always hidden
  const addCell = (parent, filter) => {
    const button = make('button', parent, '', { type: 'button', hidden: true, tabIndex: -1 });
    button.addEventListener('click', () => changeQuery(isSelected(filter) ? { show: 'all', truth: '', read: '' } : filter));
    cells.push({ button, filter });
  };
  const addRow = (truth) => {
    const row = make('tr', table);
    addCell(make('th', row, '', truth ? { scope: 'row' } : {}), { show: 'wrong', truth, read: '' });
    for (const read of DIGITS) {
      if (truth) addCell(make('td', row), { show: 'all', truth, read, compare: '' });
      else addCell(make('th', row, '', { scope: 'col' }), { show: 'wrong', truth: '', read });
    }
    return make(truth ? 'td' : 'th', row, truth ? '' : '✗', { className: 'errors' });
  };
  const rows = ['', ...DIGITS].map(addRow);
  const last = make('tr', table);
  make('th', last, '✗');
  const columns = DIGITS.map(() => make('td', last));
  return { cells, rowErrors: rows.slice(1), columnErrors: columns, allErrors: make('td', last, '', { className: 'errors' }) };
}

const isSelected = (filter) => Object.entries(filter).every(([name, value]) => query[name] === value);

function showConfusion() {
  const { confusion } = grid;
  const totals = confusion.map(sum);
  const rowErrors = DIGITS.map((_, digit) => totals[digit] - confusion[digit][digit]);
  const columnErrors = DIGITS.map((_, digit) => sum(confusion.map((counts) => counts[digit])) - confusion[digit][digit]);
  const worst = Math.max(1, ...confusion.flatMap((counts, label) => counts.filter((_, prediction) => prediction !== label)));
  const worstShare = Math.max(...rowErrors.map((errors, digit) => errors / Math.max(1, totals[digit]))) || 1;
  const show = (index, text, name, count) => {
    const { button } = matrix.cells[index];
    button.hidden = !count;
    setText(button, text);
    button.ariaLabel = button.title = name;
    return button;
  };
  DIGITS.forEach((digit, label) => {
    const share = formatPercentage(rowErrors[label], totals[label]);
    show(1 + label, digit, `${digit}: ${columnErrors[label]} digits mistaken for ${digit}`, true);
    show(MATRIX_COLUMNS * (1 + label), digit, `${digit}: ${rowErrors[label]} of ${totals[label]} wrong, ${share}`, true);
    confusion[label].forEach((count, prediction) => {
      const name = `${count} ${digit}s predicted as ${prediction}, ${formatPercentage(count, totals[label])}`;
      const button = show(MATRIX_COLUMNS * (1 + label) + 1 + prediction, count, name, count);
      button.className = getCorrectness(prediction, label);
      button.style.setProperty('--strength', `${(8 + 42 * Math.sqrt(count / worst)).toFixed(0)}%`);
    });
    setText(matrix.rowErrors[label], rowErrors[label]);
    matrix.rowErrors[label].title = share;
    matrix.rowErrors[label].style.setProperty('--share', (rowErrors[label] / Math.max(1, totals[label]) / worstShare).toFixed(3));
    setText(matrix.columnErrors[label], columnErrors[label]);
  });
  setText(matrix.allErrors, sum(rowErrors));
  keepTabStop(getMatrixCells());
}
