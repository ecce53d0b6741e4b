from .curves import view_curve_plot as view_curve_plot
