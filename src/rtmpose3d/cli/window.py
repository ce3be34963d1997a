"""A window for live results, by tkinter: OpenCV's headless wheel has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tkinter

    from rtmpose3d.structures import Image


class LiveWindow:
    """Shows images; closed by its button, q or Escape.

    Raises:
        OSError: there is no display, or Python has no tkinter.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter
        except ImportError as error:
            raise OSError("Python has no tkinter") from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise OSError(str(error)) from error
        self._root.title(title)
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._shown: tkinter.PhotoImage | object | None = None
        self.is_open = True
        self._root.protocol("WM_DELETE_WINDOW", self._request_close)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda event: self._request_close())

    def show(self, image: Image) -> None:
        """Show an image, (H, W, 3) uint8 BGR, and handle keys."""
        import cv2
        import PIL.Image
        from PIL import ImageTk

        pixels = PIL.Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        photo = ImageTk.PhotoImage(pixels, master=self._root)
        self._label.configure(image=photo)  # pyright: ignore[reportArgumentType]
        self._shown = photo  # tkinter keeps no reference of its own
        self._root.update()

    def close(self) -> None:
        """Close the window."""
        self._root.destroy()

    def _request_close(self) -> None:
        self.is_open = False
