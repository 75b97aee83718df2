"""The look of Gradio's own parts: colors, type and corners, in light and dark. page.css and shared.css add the rest."""

import gradio as gr
from gradio.themes.utils import colors, sizes

# Colors by Gradio's variable, in light and dark. Text has a contrast of at least 4.5:1 on each background.
_COLORS = {
    "body_background_fill": ("#fdfdfb", "#121316"),
    "body_text_color": ("#1c1c21", "#ececef"),
    "body_text_color_subdued": ("#5b5b66", "#a6a6b2"),
    "background_fill_primary": ("#ffffff", "#1a1b20"),
    "background_fill_secondary": ("#f3f3ef", "#24252c"),
    "block_background_fill": ("#fdfdfb", "#121316"),
    "block_label_text_color": ("#5b5b66", "#a6a6b2"),
    "block_title_text_color": ("#1c1c21", "#ececef"),
    "border_color_primary": ("#d9d9d2", "#3a3b44"),
    "border_color_accent": ("#3d3ac4", "#a5b0ff"),
    "color_accent": ("#3d3ac4", "#3d3ac4"),
    "input_background_fill": ("#ffffff", "#1a1b20"),
    "input_border_color": ("#c9c9c2", "#4a4b55"),
    "link_text_color": ("#3d3ac4", "#a5b0ff"),
    "link_text_color_hover": ("#26239a", "#c5cdff"),
    "button_primary_background_fill": ("#3d3ac4", "#a5b0ff"),
    "button_primary_background_fill_hover": ("#2f2ca6", "#c5cdff"),
    "button_primary_text_color": ("#ffffff", "#14151a"),
    "button_secondary_background_fill": ("#ffffff", "#24252c"),
    "button_secondary_background_fill_hover": ("#f3f3ef", "#32333c"),
    "button_secondary_border_color": ("#c9c9c2", "#4a4b55"),
    "button_secondary_text_color": ("#1c1c21", "#ececef"),
}


def create_theme() -> gr.themes.Base:
    """Return the theme of the page."""
    theme = gr.themes.Base(
        primary_hue=colors.indigo,
        neutral_hue=colors.zinc,
        radius_size=sizes.radius_md,
        font=["ui-sans-serif", "system-ui", "sans-serif"],  # system fonts: nothing is loaded from other hosts
        font_mono=["ui-monospace", "monospace"],
    )
    values = {name: light for name, (light, _) in _COLORS.items()}
    values |= {f"{name}_dark": dark for name, (_, dark) in _COLORS.items() if name != "color_accent"}
    return theme.set(**values, block_border_width="0px", block_shadow="none", block_padding="0px")
