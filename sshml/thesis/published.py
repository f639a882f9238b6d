"""What the thesis prints (percentages); values read off its plots are exact to about 0.1."""

#: Section 4.1: trained at W = 0, accuracy at W.
SECTION_4_1 = {0.0: 99.7, 0.5: 53.73}
#: Fig. 7a, trained at W = 0.25, and Fig. 7b, trained at W = 0.75: accuracy at W, read off the plots.
FIG_7_W = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
FIG_7A = (100.0, 99.8, 99.5, 84.6, 58.3, 50.2, 49.5, 49.5, 49.5, 49.5, 49.9)
FIG_7B = (75.2, 79.9, 84.6, 89.3, 93.4, 97.6, 99.4, 99.9, 99.9, 100.0, 100.0)
#: Strength that the network of each of the two was trained at.
FIG_7 = {"fig7a": (0.25, FIG_7A), "fig7b": (0.75, FIG_7B)}
