"""The page's look: Gradio's variables pointed at the colours of ``assets/theme.css``."""

from __future__ import annotations

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "DejaVu Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]

_COLOURS = {
    "body_background_fill": "--paper",
    "body_text_color": "--ink",
    "body_text_color_subdued": "--ink-soft",
    "background_fill_primary": "--surface",
    "background_fill_secondary": "--paper",
    "block_background_fill": "--surface",
    "block_border_color": "--line",
    "block_label_text_color": "--ink-soft",
    "block_label_background_fill": "--surface",
    "block_label_border_color": "--line",
    "block_title_text_color": "--ink",
    "block_info_text_color": "--ink-soft",
    "border_color_primary": "--line",
    "border_color_accent": "--accent",
    "color_accent": "--accent",
    "color_accent_soft": "--accent-wash",
    "link_text_color": "--accent",
    "link_text_color_hover": "--accent",
    "link_text_color_visited": "--accent",
    "link_text_color_active": "--accent",
    "input_background_fill": "--surface",
    "input_background_fill_focus": "--surface",
    "input_border_color": "--line-strong",
    "input_border_color_focus": "--accent",
    "input_placeholder_color": "--ink-soft",
    "button_primary_background_fill": "--accent",
    "button_primary_background_fill_hover": "--accent",
    "button_primary_text_color": "--accent-ink",
    "button_primary_text_color_hover": "--accent-ink",
    "button_primary_border_color": "--accent",
    "button_secondary_background_fill": "--surface",
    "button_secondary_background_fill_hover": "--sunken",
    "button_secondary_text_color": "--ink",
    "button_secondary_text_color_hover": "--ink",
    "button_secondary_border_color": "--line",
    "button_cancel_background_fill": "--surface",
    "button_cancel_background_fill_hover": "--sunken",
    "button_cancel_text_color": "--bad",
    "button_cancel_text_color_hover": "--bad",
    "button_cancel_border_color": "--bad",
    "slider_color": "--accent",
    "checkbox_background_color_selected": "--accent",
    "checkbox_border_color": "--line-strong",
    "checkbox_border_color_selected": "--accent",
    "checkbox_label_background_fill": "--surface",
    "checkbox_label_background_fill_hover": "--sunken",
    "checkbox_label_background_fill_selected": "--accent-wash",
    "checkbox_label_text_color": "--ink",
    "checkbox_label_text_color_selected": "--ink",
    "table_even_background_fill": "--surface",
    "table_odd_background_fill": "--surface",
    "table_border_color": "--line",
    "table_row_focus": "--accent-wash",
    "table_text_color": "--ink",
    "panel_background_fill": "--surface",
    "stat_background_fill": "--accent-wash",
    "accordion_text_color": "--ink",
    "error_background_fill": "--surface",
}


def page_theme() -> gr.themes.Base:
    """Return the theme: system fonts, and colours by CSS variable, so that light and dark live in one file."""
    theme = gr.themes.Base(font=SANS, font_mono=MONO, radius_size="md", text_size="md", spacing_size="md")
    values = {name: f"var({variable})" for name, variable in _COLOURS.items()}
    dark = {f"{name}_dark": value for name, value in values.items()}
    return theme.set(**values, **{name: value for name, value in dark.items() if hasattr(theme, name)})
