"""What others call the things that we have: torchvision, timm, ttach, Kaggle, scikit-learn, Keras.

For the did-you-mean alone: nothing is ever taken by such a name. A word stands here only where it
means the same thing; whoever types what we do not have is told what there is.
To add a word: into the row of our name; case and separators do not matter.
"""

from collections.abc import Mapping, Sequence
from typing import Final

_VIEWS: Final[Mapping[str, str]] = {
    "identity": "original noop no_aug none",
    "flips": "flip flip_transform mirroring",
    "hflip": "flip mirror horizontal horizontal_flip flip_horizontal random_horizontal_flip fliplr flip_lr "
    "left_right hflip_transform fliplr_transform",
    "vflip": "vertical vertical_flip flip_vertical random_vertical_flip flipud flip_ud up_down vflip_transform",
    "rot90": "rotate90 rotation90 rotate rotation",
    "rot180": "rotate180 rotation180 rotate rotation hvflip hvflips",
    "rot270": "rotate270 rotation270 rotate rotation",
    "d4": "dihedral d4_transform d8 rotations rot90s all_flips",
    "five-crop": "5crop 5crops five_crops five_crop_transform",
    "ten-crop": "10crop 10crops ten_crops ten_crop_transform",
    "crop": "center_crop centre_crop corner_crop",
    "random": "random_crop random_crops random_resized_crop",
    "scale": "zoom resize rescale",
    "scales": "multiscale multi_scale_transform resizes zooms",
    "shift": "translate translation",
    "grey": "gray grayscale greyscale to_gray",
}
_BLENDING: Final[Mapping[str, str]] = {
    "logit-sum": "logit_mean logit_average mean_logits sum_logits logits",
    "prob-mean": "mean average avg averaging soft soft_vote soft_voting softmax softmax_mean proba predict_proba "
    "probability probabilities mean_prob mean_proba",
    "geo-mean": "gmean geometric geometric_mean",
    "majority-vote": "hard hard_vote hard_voting vote voting plurality mode",
    "borda": "rank ranks rank_average rank_averaging rank_mean",
    "equal": "uniform average avg mean same unweighted",
    "greedy": "caruana ensemble_selection forward_selection hill_climb hill_climbing",
    "stacking": "stack logreg logistic logistic_regression meta_learner meta_model",
    "log-loss": "nll cross_entropy ce neg_log_loss negative_log_likelihood loss val_loss",
    "uniform": "average avg mean equal",
    "none": "off no false nothing identity",
}
_METRICS: Final[Mapping[str, str]] = {
    "accuracy": "top1 acc1 micro_f1 f1_micro accuracy_score",
    "balanced-accuracy": "bacc bac uar macro_recall recall_macro balanced_accuracy_score",
    "macro-f1": "f1 f1_score f1_macro",
}
_TRAINING: Final[Mapping[str, str]] = {
    "cosine": "cosine_annealing cosine_annealing_lr cosine_decay",
    "constant": "none flat fixed constant_lr",
    "sgd": "sgdm nesterov",
    "finetune": "fine_tuning transfer transfer_learning",
    "light": "weak",
    "strong": "heavy",
    "trivial": "trivial_augment trivial_augment_wide ta",
    "rand": "rand_augment ra",
    "float32": "fp32 f32 float single full",
    "bfloat16": "bf16",
    "sampling": "sampler oversample oversampling weighted_sampler weighted_random_sampler",
    "loss": "losses weights weighted class_weight class_weights weighted_loss",
    "eager": "torch pytorch",
    "compiled": "torch_compile inductor",
    "onnx": "onnxruntime ort",
    "fused": "fuse folded",
}
_OPTIONS: Final[Mapping[str, str]] = {
    "lr": "learning_rate max_lr base_lr initial_lr",
    "batch_size": "bs batch train_batch_size per_device_train_batch_size minibatch",
    "weight_decay": "wd l2",
    "schedule": "scheduler lr_scheduler lr_schedule sched",
    "arch": "model net network backbone architecture model_name encoder",
    "ckpt": "model run checkpoint model_path",
    "augment": "aug augs augmentation augmentations transform transforms auto_augment",
    "epochs": "num_epochs n_epochs max_epochs num_train_epochs",
    "size": "image_size img_size input_size imgsz resolution im_size",
    "label_smoothing": "smoothing",
    "mix": "mixup cutmix mixup_alpha cutmix_alpha",
    "clip": "grad_clip clip_grad gradient_clipping clip_grad_norm max_grad_norm gradient_clip_val",
    "patience": "early_stopping early_stop early_stopping_patience",
    "seed": "random_seed random_state manual_seed",
    "data": "dataset data_dir data_path data_root root dataset_path folder",
    "images": "image_dir img_dir images_dir image_folder image_root",
    "train_csv": "labels_csv csv train_labels train_file df",
    "folds": "n_folds num_folds k_folds kfold cv n_splits",
    "val_fraction": "val_size val_split validation_split valid_size val_ratio val_pct val_frac",
    "column": "label_column id_column label_col id_col columns",
    "encoding": "charset file_encoding enc",
    "classes": "class_names class_file label_map",
    "threads": "num_threads cpu_threads",
    "device": "gpu cuda accelerator",
    "minutes": "time_limit time_budget max_time",
    "out": "output output_file out_file save_to save_path",
    "views": "tta transforms augmentations",
    "method": "ballot voting rule strategy",
    "keep": "save_best monitor checkpoint_metric",
    "name": "run_name exp_name experiment experiment_name member",
    "replace": "overwrite force exist_ok",
    "near": "hamming threshold",
    "labels": "truth ground_truth solution answers",
    "sample": "sample_submission template",
}
_COMMANDS: Final[Mapping[str, str]] = {
    "train": "fit",
    "predict": "infer inference classify",
    "blend": "ensemble combine merge vote average",
    "find-lr": "lr_find lr_finder lr_range_test",
    "zoo": "arch archs architectures models list_models",
    "export": "onnx",
    "show-augment": "augment augmentations aug",
    "probe": "linear_probe",
    "soup": "swa model_soup",
    "rm": "remove delete del",
    "rename": "mv move",
    "doctor": "check_install env",
    "completion": "complete autocomplete install_completion",
    "auto": "automatic automl autopilot",
}
ALIASES: Final[Mapping[str, Sequence[str]]] = {
    name: words.split()
    for table in (_VIEWS, _BLENDING, _METRICS, _TRAINING, _OPTIONS, _COMMANDS)
    for name, words in table.items()
}
"""One of our names -> what the same thing is called elsewhere."""
