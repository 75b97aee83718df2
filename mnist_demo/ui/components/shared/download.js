// Save a file {name, kind, content}, its content in base64.
function saveFile({ name, kind, content }) {
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  const href = URL.createObjectURL(new Blob([bytes], { type: kind }));
  Object.assign(document.createElement('a'), { download: name, href }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}
