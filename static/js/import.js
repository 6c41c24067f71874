// Reads a chosen file into the text area beside it: <input type="file" data-into="id of the text area" data-max-bytes>. The file
// itself is not sent; without JavaScript one pastes its text.
for (const input of document.querySelectorAll("input[data-into]")) {
  input.closest(".field").hidden = false;
  input.addEventListener("change", async () => {
    const [file] = input.files;
    const isTooLarge = file?.size > Number(input.dataset.maxBytes);
    input.setCustomValidity(isTooLarge ? input.dataset.tooLarge : "");
    input.reportValidity();
    if (file && !isTooLarge) document.getElementById(input.dataset.into).value = await file.text();
  });
}
