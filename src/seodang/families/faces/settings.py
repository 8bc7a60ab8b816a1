from seodang.core.settings import TrainingSettings

SETTINGS = TrainingSettings
PRESETS = {}
READING = ()
