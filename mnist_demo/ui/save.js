// Has the browser keep a file that the server gave as {name, kind, content in base64}.
function save(file) {
  const bytes = Uint8Array.from(atob(file.content), (char) => char.charCodeAt(0));
  const link = Object.assign(document.createElement('a'), { download: file.name, href: URL.createObjectURL(new Blob([bytes], { type: file.kind })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
