"""Colours, fonts, light and dark: warm paper and one deep teal, text contrast at least 4.5:1 (WCAG AA)."""

from pathlib import Path

from gradio.themes import Base
from gradio.themes.utils import colors
from gradio.themes.utils.fonts import LocalFont


def theme() -> Base:
    """The theme. Its fonts come with Gradio, so that the page loads nothing from other servers."""
    sans = (LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif")
    # Inconsolata has glyphs that Plex lacks: ␣ ⏎ →
    mono = (
        LocalFont("IBM Plex Mono", weights=(400, 700)),
        LocalFont("Inconsolata", weights=(400, 700)),
        "ui-monospace",
        "monospace",
    )
    base = Base(primary_hue=colors.teal, secondary_hue=colors.teal, neutral_hue=colors.stone, font=sans, font_mono=mono)
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_300",
        border_color_primary_dark="*neutral_700",
        color_accent="*primary_700",
        color_accent_soft="*primary_100",
        color_accent_soft_dark="*primary_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="0px",
        block_shadow="none",
        block_label_text_color="*neutral_800",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_900",
        block_title_text_color_dark="*neutral_100",
        block_title_text_weight="700",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_400",
        input_border_color_dark="*neutral_600",
        input_border_color_focus="*primary_700",
        input_border_color_focus_dark="*primary_400",
        input_border_width="1px",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="*neutral_200",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_300",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_text_color="*neutral_900",
        button_secondary_text_color_dark="*neutral_100",
        slider_color="*primary_700",
        slider_color_dark="*primary_400",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        error_text_color="#b42318",
        error_text_color_dark="#fda29b",
    )


def css() -> str:
    """The page's own style: widths, spacing, and a visible focus; and that of what tabs lay out, their page.css."""
    here = Path(__file__).parent
    return "".join(path.read_text("utf-8") for path in (here / "theme.css", *sorted(here.glob("tabs/*/page.css"))))
