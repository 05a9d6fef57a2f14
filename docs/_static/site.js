// What a page needs for a screen reader and for a keyboard, and the theme leaves out.
document.addEventListener("DOMContentLoaded", () => {
  for (const fold of document.querySelectorAll("summary")) {
    if (!fold.textContent.trim()) fold.ariaLabel = "Show the pages";
  }
  for (const wide of document.querySelectorAll("article table, article pre, article .cell_output")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  }
});
